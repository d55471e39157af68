"""HTTP of the web processes: uvicorn's, but an order that has come whole is answered without a task of its own.

A task, its events and the messages of ASGI cost as much as all that we do for an order. Whatever is odd (a body that
comes in pieces, `Expect`, an answer that the client doesn't read) and whatever isn't an order goes uvicorn's own way.
It overrides two inner methods of uvicorn, whose version is pinned.
"""

import asyncio
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import Any

from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

# More than this isn't gathered: transport.write has to see it, to hold up whoever writes faster than the client reads.
MOST_GATHERED_BYTES = 64 * 1024
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class GatheringTransport:
    """Sends what was written in one turn of the loop at the turn's end, in one go.

    Head and body of an answer are one system call, which on a fast network costs as much as everything else that the
    server does for a request. And no answer leaves before the last request of the turn was read: answers that go out
    one by one wake their clients one by one, and the next requests fall in between, which doubled the kernel's time.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []
        self._gathered_bytes = 0
        self._call_soon = asyncio.get_running_loop().call_soon

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._call_soon(self._flush)
        self._parts.append(data)
        self._gathered_bytes += len(data)
        if self._gathered_bytes > MOST_GATHERED_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        self._gathered_bytes = 0
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))


class OrderProtocol(HttpToolsProtocol):
    """One a connection."""

    transport: GatheringTransport  # type: ignore[assignment]

    def __init__(self, config: Config, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self._proxies = self.app if isinstance(self.app, ProxyHeadersMiddleware) else None
        # Not imported: gunicorn loads this before Django is set up, and baselines of benchmarks have no Django.
        inner = self.app if self._proxies is None else self._proxies.app
        self._take_whole: Any = getattr(inner, "take_whole", None)
        self._is_receiving = False
        # A request whose head has come, in this turn of the loop.
        self._held: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(GatheringTransport(transport))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        self._is_receiving = True
        try:
            super().data_received(data)
            # Whoever sends several orders at once has the next one begin when this one is answered.
            while self._held is not None:
                cycle, self._held = self._held, None
                if not self._take(cycle):
                    super()._start_asgi_task(cycle, self.app)
        finally:
            self._is_receiving = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # `app` is another one when the server has too many connections.
        if self._take_whole is not None and self._is_receiving and app is self.app:
            self._held = cycle
        else:
            super()._start_asgi_task(cycle, app)

    def _take(self, cycle: RequestResponseCycle) -> bool:
        """Whether the order is being answered; else nothing was done with it."""
        is_odd = cycle.more_body or cycle.waiting_for_100_continue
        if is_odd or self.flow.write_paused or self.transport.is_closing():
            return False
        tell = partial(self._answer, cycle)
        is_taken: bool = self._take_whole(cycle.scope, bytes(cycle.body), tell, self._is_secure)
        return is_taken

    def _is_secure(self, scope: Any) -> bool:
        """Whether the shopper came by TLS: to us, or to a proxy that we trust to say so."""
        if scope["scheme"] == "https":
            return True
        client = scope["client"]
        if self._proxies is None or (client[0] if client else None) not in self._proxies.trusted_hosts:
            return False
        told = [value.strip() for name, value in scope["headers"] if name == b"x-forwarded-proto"]
        return told == [b"https"]

    def _answer(
        self, cycle: RequestResponseCycle, status: int, headers: Iterable[tuple[bytes, bytes]], content: bytes
    ) -> None:
        if cycle.disconnected or self.transport.is_closing():
            return
        parts = [_STATUS_LINES[status]]
        for name, value in cycle.default_headers:
            parts += (name, b": ", value, b"\r\n")
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        parts.append(content)
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"".join(parts))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
