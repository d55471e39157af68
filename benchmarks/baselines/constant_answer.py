"""The same ASGI server with nothing behind it: reads a body, answers 202 with a body of an order's length."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]

BODY = (
    b'{"order_id":"2882303761517117440","group_id":"2882303761517117441","state":"ACCEPTED","amount_fen":1000,'
    b'"pay_by":"2026-11-11T00:15:00.123000Z","queue":{"position":1,"eta_seconds":1},'
    b'"server_time":"2026-11-11T00:00:00.123000Z"}'
)
HEADERS = [
    (b"content-type", b"application/json"),
    (b"location", b"/api/v1/orders/2882303761517117440/"),
    (b"content-length", str(len(BODY)).encode()),
    (b"x-trace-id", b"0" * 32),
    (b"x-content-type-options", b"nosniff"),
]


async def application(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    if scope["type"] == "lifespan":
        while True:
            word = (await receive())["type"].removeprefix("lifespan.")
            await send({"type": f"lifespan.{word}.complete"})
            if word == "shutdown":
                return
    await receive()
    await send({"type": "http.response.start", "status": 202, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
