"""Measures request bodies before Django, which would write a body of any length to disk first (ASGI)."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from django.http import HttpResponse

from pgs_web.api.errors import BodyTooLarge, refusal_response
from pgs_web.api.limits import API_ROOT, LARGEST_BODY
from pgs_web.api.trace import TRACE_HEADER, bind_trace_id, choose_trace_id

security_log = structlog.get_logger("pgs.security")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class BodyLimit:
    """Wraps an ASGI application: API bodies over 64 KB are 413 as soon as that is known, announced or chunked.

    A chunked body is read up to the limit and handed on with its Content-Length, so that the application sees one kind.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API_ROOT):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length")
        if announced is not None:
            # The server (h11, httptools) has checked that it is a number and delivers exactly that many bytes.
            if len(announced) > 18 or int(announced) > LARGEST_BODY:
                await send_refusal(scope, send)
                return
            await self.app(scope, receive, send)
            return
        if b"transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        body = await read_body(receive)
        if body is None:
            return
        if len(body) > LARGEST_BODY:
            await send_refusal(scope, send)
            return
        known = [(name, value) for name, value in scope["headers"] if name != b"transfer-encoding"]
        known.append((b"content-length", str(len(body)).encode()))
        await self.app({**scope, "headers": known}, replay_body(body, receive), send)


async def read_body(receive: Receive) -> bytes | None:
    """The body, or just more than the limit of it; None when the client went away."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY or not message.get("more_body", False):
            return bytes(body)


def replay_body(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, then whatever comes from the client."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def log_large_body(*, path: str) -> None:
    """Tells who watches for strangers: no client of ours, and no gateway, sends so much."""
    security_log.warning("body_too_large", path=path[:200])


async def send_refusal(scope: MutableMapping[str, Any], send: Send) -> None:
    log_large_body(path=scope["path"])
    headers = {name.decode("latin-1").title(): value.decode("latin-1") for name, value in scope["headers"]}
    trace_id = choose_trace_id(
        {TRACE_HEADER: headers.get(TRACE_HEADER, ""), "traceparent": headers.get("Traceparent", "")}
    )
    bind_trace_id(trace_id)
    response: HttpResponse = refusal_response(BodyTooLarge())
    response.headers[TRACE_HEADER] = trace_id
    response.headers["Content-Length"] = str(len(response.content))
    # The rest of the body stays unread: the connection can't be used again.
    response.headers["Connection"] = "close"
    await send(
        {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": [(name.lower().encode(), value.encode()) for name, value in response.items()],
        }
    )
    await send({"type": "http.response.body", "body": response.content})
