import asyncio
import threading
import time
from typing import Any

from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from config.request_threads import RequestThreads, WholeRequestHandler


class CountingApplication:
    """Counts how many requests are inside at once and which threads their synchronous parts run in."""

    def __init__(self) -> None:
        self.inside = 0
        self.most_inside = 0
        self.threads: set[str] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await sync_to_async(self.work, thread_sensitive=True)(scope.get("fails", False))
        finally:
            self.inside -= 1

    def work(self, fails: bool) -> None:
        self.threads.add(threading.current_thread().name)
        time.sleep(0.005)
        if fails:
            raise ValueError("as asked")


def ask(threads: RequestThreads, scopes: list[dict[str, Any]]) -> list[Any]:
    async def ask_all() -> list[Any]:
        return await asyncio.gather(*(threads(scope, None, None) for scope in scopes), return_exceptions=True)  # type: ignore[arg-type]

    return asyncio.run(ask_all())


def test_no_more_requests_inside_than_threads():
    application = CountingApplication()
    answers = ask(RequestThreads(application, count=3), [{"type": "http", "path": "/"}] * 30)
    assert answers == [None] * 30
    assert application.most_inside == 3
    assert len(application.threads) == 3


def test_a_failing_request_gives_its_thread_back():
    application = CountingApplication()
    threads = RequestThreads(application, count=1)
    answers = ask(threads, [{"type": "http", "path": "/", "fails": True}] * 3 + [{"type": "http", "path": "/"}])
    assert [type(answer) for answer in answers] == [ValueError, ValueError, ValueError, type(None)]


def test_probes_get_in_while_every_thread_is_busy():
    application = CountingApplication()
    threads = RequestThreads(application, count=1, unbounded_paths=frozenset({"/readyz"}))
    ask(threads, [{"type": "http", "path": "/"}] * 5 + [{"type": "http", "path": "/readyz"}])
    assert application.most_inside == 2


def test_pages_that_call_this_server_have_threads_apart():
    async def ask_back(scope: Any, receive: Any, send: Any) -> None:
        await sync_to_async(time.sleep, thread_sensitive=True)(0.005)
        if scope["path"] == "/bank/pay/":
            await threads({"type": "http", "path": "/notices/"}, receive, send)

    threads = RequestThreads(ask_back, count=2, apart={"/bank/": 2})
    scopes = [{"type": "http", "path": "/bank/pay/"}] * 10

    async def ask_all() -> list[Any]:
        # Without threads apart, two of them would hold both threads and wait for a third one for ever.
        return await asyncio.wait_for(asyncio.gather(*(threads(scope, None, None) for scope in scopes)), timeout=20)  # type: ignore[arg-type]

    assert asyncio.run(ask_all()) == [None] * 10


def test_one_after_the_other_uses_one_thread_and_its_connections():
    application = CountingApplication()
    threads = RequestThreads(application, count=8)

    async def ask_in_turn() -> None:
        for _ in range(5):
            await threads({"type": "http", "path": "/"}, None, None)  # type: ignore[arg-type]

    asyncio.run(ask_in_turn())
    assert len(application.threads) == 1


def show_thread(request: HttpRequest) -> HttpResponse:
    return HttpResponse(threading.current_thread().name)


def remember_thread(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Middleware-Thread"] = threading.current_thread().name
        return response

    return middleware


urlpatterns = [path("thread", show_thread)]


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[f"{__name__}.remember_thread"])
def test_middleware_and_view_run_in_one_thread():
    async def get() -> tuple[dict[str, Any], dict[str, Any]]:
        scope = {"type": "http", "method": "GET", "path": "/thread", "headers": [], "query_string": b""}
        communicator = ApplicationCommunicator(WholeRequestHandler(), scope)
        await communicator.send_input({"type": "http.request"})
        return await communicator.receive_output(5), await communicator.receive_output(5)

    start, body = asyncio.run(get())
    assert start["status"] == 200
    thread_of_middleware = dict(start["headers"])[b"X-Middleware-Thread"]
    assert body["body"] == thread_of_middleware != threading.current_thread().name.encode()
