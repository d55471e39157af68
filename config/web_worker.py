"""gunicorn's worker for ASGI: uvicorn with what our processes use, and nothing else a request."""

import gc
from typing import Any

from uvicorn_worker import UvicornWorker

from config.order_protocol import OrderProtocol

# Objects made until the collector looks at the youngest: a request leaves no cycles, and makes a hundred objects.
YOUNGEST_OBJECTS = 50_000


class WebWorker(UvicornWorker):
    """No line a request: views log theirs as events, nginx logs all, and a line costs as much as an order."""

    CONFIG_KWARGS: dict[str, Any] = {"loop": "uvloop", "http": OrderProtocol, "ws": "none", "access_log": False}

    def init_process(self) -> None:
        gc.set_threshold(YOUNGEST_OBJECTS, 20, 20)
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        # The program itself is never garbage: without this a tenth of the time went into looking through it.
        gc.collect()
        gc.freeze()
