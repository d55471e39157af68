"""gunicorn's worker for ASGI: uvicorn with what our processes use, and nothing else a request."""

import asyncio
import gc
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn_worker import UvicornWorker

# Objects made until the collector looks at the youngest: a request leaves no cycles, and makes a hundred objects.
YOUNGEST_OBJECTS = 50_000


class GatheringTransport:
    """Sends what was written in one turn of the loop in one go: head and body of an answer are one system call.

    On a loopback or a fast network that call costs as much as everything else that the server does for a request.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []
        self._call_soon = asyncio.get_running_loop().call_soon

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))


class GatheringProtocol(HttpToolsProtocol):
    """uvicorn's own, over that transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(GatheringTransport(transport))  # type: ignore[arg-type]


class WebWorker(UvicornWorker):
    """No line a request: views log theirs as events, nginx logs all, and a line costs as much as an order."""

    CONFIG_KWARGS: dict[str, Any] = {"loop": "uvloop", "http": GatheringProtocol, "ws": "none", "access_log": False}

    def init_process(self) -> None:
        gc.set_threshold(YOUNGEST_OBJECTS, 20, 20)
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        # The program itself is never garbage: without this a tenth of the time went into looking through it.
        gc.collect()
        gc.freeze()
