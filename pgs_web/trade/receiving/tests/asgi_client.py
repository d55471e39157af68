"""The API's test client, with orders going through a receiving service on an event loop of its own."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.http import HttpRequest, HttpResponse
from rest_framework.test import APIClient

from pgs_web.trade.receiving.application import PATH, ReceivingService
from pgs_web.trade.receiving.reception import Reception
from pgs_web.trade.receiving.threads import own_connections

LONGEST_SECONDS = 30


class LoopThread:
    """An event loop that goes on while the test waits, as a server's does."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="receiving", daemon=True)
        self._thread.start()

    def run(self, coroutine: Any, *, seconds: float = LONGEST_SECONDS) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(LONGEST_SECONDS)
        self.loop.close()


@contextmanager
def receiving_service(*, shares_connections: bool = True) -> Iterator[tuple[LoopThread, ReceivingService]]:
    """A started service; its threads work inside the test's own transaction, or over connections of their own."""
    thread = LoopThread()
    of_test = {alias: connections[alias] for alias in connections}
    if shares_connections:
        for connection in of_test.values():
            connection.inc_thread_sharing()

    @contextmanager
    def connections_of_test() -> Iterator[None]:
        for alias, connection in of_test.items():
            connections[alias] = connection
        yield

    reception = Reception(connections=connections_of_test if shares_connections else own_connections)
    thread.run(reception.start())
    try:
        yield thread, ReceivingService(refuse_to_go_elsewhere, reception=reception)
    finally:
        thread.run(reception.close())
        thread.close()
        if shares_connections:
            for connection in of_test.values():
                connection.dec_thread_sharing()


async def refuse_to_go_elsewhere(scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError(f"The service left {scope['method']} {scope['path']} to Django.")


class OrdersClient(APIClient):
    """`api.post("/api/v1/orders/", …)` goes to the service, everything else to Django's views."""

    def __init__(self, thread: LoopThread, service: ReceivingService, **defaults: Any) -> None:
        super().__init__(**defaults)
        self.thread = thread
        self.service = service
        ask_django: Callable[[HttpRequest], Any] = self.handler.get_response
        self.handler.get_response = lambda request: (  # type: ignore[method-assign]
            self._ask_service(request) if (request.method, request.path) == ("POST", PATH) else ask_django(request)
        )

    def _ask_service(self, request: HttpRequest) -> HttpResponse:
        body = request.META["wsgi.input"].read(int(request.META.get("CONTENT_LENGTH") or 0))
        headers = [(name.lower().encode(), str(value).encode("utf-8")) for name, value in request.headers.items()]
        return self.thread.run(ask(self.service, body=body, headers=[(b"host", b"testserver"), *headers]))


class OrderAnswer(HttpResponse):
    """As the test client's answers are."""

    def json(self) -> Any:
        return json.loads(self.content)


async def ask(
    service: Callable[..., Any],
    *,
    body: bytes = b"",
    headers: list[tuple[bytes, bytes]],
    messages: list[dict[str, Any]] | None = None,
    scope: dict[str, Any] | None = None,
) -> OrderAnswer:
    """One request, as a server would hand it over; `messages` instead of a body in one piece."""
    incoming = iter(messages or [{"type": "http.request", "body": body, "more_body": False}])
    outgoing: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        message = next(incoming, None)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    async def send(message: dict[str, Any]) -> None:
        outgoing.append(message)

    await service(
        {
            "type": "http",
            "method": "POST",
            "path": PATH,
            "query_string": b"",
            "scheme": "http",
            "headers": headers,
            **(scope or {}),
        },
        receive,
        send,
    )
    start, content = outgoing
    response = OrderAnswer(content["body"], status=start["status"])
    del response.headers["Content-Type"]
    for name, value in start["headers"]:
        response.headers[name.decode()] = value.decode("latin-1")
    return response
