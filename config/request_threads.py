"""A fixed set of threads a web process runs Django's synchronous views in.

Under ASGI Django makes a new thread a request, and with it new database connections; nothing bounds their number.
Here each request borrows one of the process's threads: connections live as long as their thread (CONN_MAX_AGE is
true again), and never more than `count` requests of a process are at the databases at once. The others wait in
arrival order on the event loop, where waiting is cheap.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class WholeRequestHandler(ASGIHandler):
    """Django's handler, with middleware and view as one call in one thread.

    Django's own goes back and forth between event loop and thread at every middleware, about thirty times a request.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)


class RequestThreads:
    """ASGI application around Django's; paths in `unbounded_paths` don't wait for a thread of the set.

    Paths below a prefix of `apart` have a set of their own: views that call this very server would otherwise hold all
    the threads that could answer them.
    """

    def __init__(
        self,
        application: Application,
        *,
        count: int,
        unbounded_paths: frozenset[str] = frozenset(),
        apart: Mapping[str, int] | None = None,
    ) -> None:
        self.application = application
        self.unbounded_paths = unbounded_paths
        self._free = _make_threads(count, name="request")
        self._apart = {
            prefix: _make_threads(threads, name=prefix.strip("/")) for prefix, threads in (apart or {}).items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.unbounded_paths:
            await self.application(scope, receive, send)
            return
        path: str = scope["path"]
        free = next((threads for prefix, threads in self._apart.items() if path.startswith(prefix)), self._free)
        executor = await free.get()
        try:
            async with ThreadSensitiveContext(executor=executor):
                await self.application(scope, receive, send)
        finally:
            # A shopper who hung up leaves a view running on its thread: the next request given it waits for its end.
            free.put_nowait(executor)


def _make_threads(count: int, *, name: str) -> asyncio.LifoQueue[ThreadPoolExecutor]:
    # Last in, first out: under little load the same few threads, and their connections, do all the work.
    free: asyncio.LifoQueue[ThreadPoolExecutor] = asyncio.LifoQueue()
    for number in range(count):
        free.put_nowait(ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{name}-{number}"))
    return free
