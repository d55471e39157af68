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
# Of a head, or of what follows a body, read in more than one go; uvicorn has no bound. nginx takes 8 KB a line.
LARGEST_HEAD = 64 * 1024
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
        # What is said when everything that came whole is answered, before the connection ends; None: it goes on.
        self._last_words: bytes | None = None
        # Read since a head was whole or a body grew.
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(GatheringTransport(transport))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        if self._last_words is not None:
            return
        cycle = self.cycle
        body_bytes = 0 if cycle is None else len(cycle.body)
        self._is_receiving = True
        try:
            super().data_received(data)
            if self.cycle is not cycle or (cycle is not None and len(cycle.body) != body_bytes):
                self._head_bytes = 0
            else:
                self._head_bytes += len(data)
                if self._head_bytes > LARGEST_HEAD:
                    self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too long.")
            # Whoever sends several orders at once has the next one begin when this one is answered.
            while self._held is not None:
                cycle, self._held = self._held, None
                if not self._take(cycle):
                    super()._start_asgi_task(cycle, self.app)
        finally:
            self._is_receiving = False

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether the connection stays: for who has asked for a change, will say no more, and still listens.

        Nobody can tell them from those who have hung up, for whom nothing more is read.
        """
        if self._last_words is not None:
            return True
        return self.cycle is not None and self.cycle.scope["method"] != "GET" and self._end_with(b"")

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def on_response_complete(self) -> None:
        is_last = self._last_words is not None and not self.pipeline
        super().on_response_complete()
        if is_last:
            self._end()

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """What comes now can't be read: the connection ends with this."""
        lines = [_STATUS_LINES[status], *(b"%b: %b\r\n" % header for header in self.server_state.default_headers)]
        lines += (b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n",)
        lines += (b"content-length: %d\r\n\r\n" % len(detail), detail.encode())
        if not self._end_with(b"".join(lines)):
            self._end()

    def _end_with(self, last_words: bytes) -> bool:
        """Whether something that came whole is still to be answered; the connection ends behind its answer."""
        self._last_words = last_words
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        if not cycle.more_body:
            return True
        if self.pipeline:
            # It was the next one, and will never be whole.
            self.pipeline.popleft()
            return True
        return False

    def _end(self) -> None:
        if self._last_words and not self.transport.is_closing():
            self.transport.write(self._last_words)
        self.transport.close()

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
