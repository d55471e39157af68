"""The receiving service: an ASGI callable that answers `POST /api/v1/orders/` and hands on everything else."""

import asyncio
import random
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError

from pgs_web.api.errors import BodyTooLarge, Refusal
from pgs_web.api.limits import LARGEST_BODY
from pgs_web.api.trace import choose_trace_id
from pgs_web.trade.intake.services import OrderRequest, PlacedOrder
from pgs_web.trade.receiving.answers import Answer, Headers, Languages, describe_error, describe_placed
from pgs_web.trade.receiving.bodies import read_at_once, read_exactly
from pgs_web.trade.receiving.passages import Outcome
from pgs_web.trade.receiving.reception import Reception

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# (status, headers, body) of the answer.
Tell = Callable[[int, Headers, bytes], None]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PATH = "/api/v1/orders/"
# A body that doesn't come holds a little memory; nginx, which reads it first, is stricter.
BODY_SECONDS = 20.0
MOST_HOSTS = 1_000


class ReceivingService:
    """One a process; `elsewhere` is the application for all that isn't an order."""

    def __init__(self, elsewhere: Application, *, reception: Reception | None = None) -> None:
        self._elsewhere = elsewhere
        self.reception = reception or Reception()
        self._languages = Languages()
        self._hosts: set[bytes] = set()
        self._headers = _constant_headers()
        self._origins = {origin.encode() for origin in settings.CORS_ALLOWED_ORIGINS}
        self._wants_tls = bool(settings.SECURE_SSL_REDIRECT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            headers = read_headers(scope["headers"])
            if self._is_ours(scope, headers, is_secure=scope["scheme"] == "https"):
                await self._answer_order(headers, receive, send)
                return
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        await self._elsewhere(scope, receive, send)

    def take_whole(self, scope: Scope, body: bytes, tell: Tell, is_secure: Callable[[Scope], bool]) -> bool:
        """Whether this is an order, and answered by `tell`, now or later; else nothing was done: call the service.

        For a server that has the whole request in hand, and needs no task to send the answer.
        """
        if scope["path"] != PATH or scope["method"] != "POST" or len(body) > LARGEST_BODY:
            return False
        headers = read_headers(scope["headers"])
        if not self._is_ours(scope, headers, is_secure=not self._wants_tls or is_secure(scope)):
            return False
        trace_id = _trace_id_of(headers)
        try:
            outcome = self._begin_order(body, headers, trace_id)
        except Exception as error:  # noqa: BLE001  # what is no refusal is logged by describe_error
            # Not kept beyond this block: it would keep this frame, and the frame it, until the collector comes.
            tell(*self._finish_answer(error, headers, trace_id))
            return True
        if isinstance(outcome, Exception):
            tell(*self._finish_answer(outcome, headers, trace_id))
        else:
            asyncio.ensure_future(outcome).add_done_callback(partial(self._tell_outcome, headers, trace_id, tell))
        return True

    def _tell_outcome(
        self, headers: dict[bytes, bytes], trace_id: str, tell: Tell, waited: "asyncio.Future[Outcome]"
    ) -> None:
        if waited.cancelled():
            # Only when the loop itself ends.
            return
        error = cast(Exception | None, waited.exception())
        tell(*self._finish_answer(error or waited.result(), headers, trace_id))

    def _is_ours(self, scope: Scope, headers: dict[bytes, bytes], *, is_secure: bool) -> bool:
        """What Django's middleware refuses or redirects before any view is reached is left to it."""
        host = headers.get(b"host", b"")
        return (
            (host in self._hosts or self._knows_host(host))
            and (is_secure or not self._wants_tls)
            and b"%00" not in scope["query_string"]
        )

    async def _live(self, receive: Receive, send: Send) -> None:
        """The server's own start and end: it asks for the end when the last request has been answered."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.reception.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.reception.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer_order(self, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        trace_id = _trace_id_of(headers)
        is_read = False
        try:
            body = await read_body(headers, receive)
            if body is None:
                return
            is_read = True
            begun = self._begin_order(body, headers, trace_id)
            outcome = begun if isinstance(begun, Exception) else await begun
            answer = self._finish_answer(outcome, headers, trace_id)
        except Exception as error:  # noqa: BLE001  # what is no refusal is logged by describe_error
            answer = self._finish_answer(error, headers, trace_id)
        status, known, content = answer
        if not is_read:
            # The rest of the body stays unread: the connection can't be used again.
            known.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": known})
        await send({"type": "http.response.body", "body": content})

    def _begin_order(self, body: bytes, headers: dict[bytes, bytes], trace_id: str) -> Exception | Awaitable[Outcome]:
        """What becomes of it, at once where that is known; also raises refusals."""
        claims = self.reception.sign_in(headers.get(b"authorization"))
        order = self._read_order(body, headers, member_id=claims.member_id, trace_id=trace_id)
        return self.reception.take(order, claims)

    def _finish_answer(self, outcome: Outcome, headers: dict[bytes, bytes], trace_id: str) -> Answer:
        """With all its headers."""
        if isinstance(outcome, PlacedOrder):
            status, known, content = describe_placed(outcome)
        else:
            language = self._languages.choose(headers.get(b"accept-language", b""))
            status, known, content = describe_error(outcome, language=language, trace_id=trace_id)
        self.reception.count(status)
        known = [*known, (b"content-length", b"%d" % len(content)), (b"x-trace-id", trace_id.encode()), *self._headers]
        if self._origins and headers.get(b"origin") in self._origins:
            known += _cors_headers(headers[b"origin"])
        return Answer(status, known, content)

    def _read_order(self, body: bytes, headers: dict[bytes, bytes], *, member_id: int, trace_id: str) -> OrderRequest:
        content_type = headers.get(b"content-type", b"")
        key = headers.get(b"idempotency-key", b"").decode("latin-1")
        order = read_at_once(body, content_type, key, member_id, trace_id)
        if order is None:
            # What REST framework raises is text already: it has to be said in the shopper's language at once.
            with translation.override(self._languages.choose(headers.get(b"accept-language", b""))):
                order = read_exactly(body, content_type=content_type, key=key, member_id=member_id, trace_id=trace_id)
        return order

    def _knows_host(self, host: bytes) -> bool:
        domain, _port = split_domain_port(host.decode("latin-1"))
        is_known = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
        if is_known and len(self._hosts) < MOST_HOSTS:
            self._hosts.add(host)
        return is_known


def read_headers(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """By lower-case name; one that is there twice is joined as Django joins it."""
    headers = dict(pairs)
    if len(headers) != len(pairs):
        headers = {}
        for name, value in pairs:
            headers[name] = headers[name] + b"," + value if name in headers else value
    return headers


async def read_body(headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    """The body; None when the client went away. Raises BodyTooLarge, and a Refusal `parse_error`."""
    announced = headers.get(b"content-length")
    if announced is not None:
        if not announced.isdigit():
            raise _parse_error(_("Content-Length isn't a number."))
        if len(announced) > 18 or int(announced) > LARGEST_BODY:
            raise BodyTooLarge()
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge()
        return body
    return await _read_rest(body, receive)


async def _read_rest(body: bytes, receive: Receive) -> bytes | None:
    parts = bytearray(body)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                if len(parts) > LARGEST_BODY:
                    raise BodyTooLarge()
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts += message.get("body", b"")
                if not message.get("more_body", False):
                    break
    except TimeoutError as error:
        raise _parse_error(_("The body isn't valid JSON.")) from error
    if len(parts) > LARGEST_BODY:
        raise BodyTooLarge()
    return bytes(parts)


def _parse_error(detail: Any) -> Refusal:
    return Refusal(detail, code=ParseError.default_code, status=ParseError.status_code)


def _trace_id_of(headers: dict[bytes, bytes]) -> str:
    if b"x-trace-id" not in headers and b"traceparent" not in headers:
        # No secret: it has to be different, and a call of the system costs more than the number.
        return f"{random.getrandbits(128):032x}"
    return choose_trace_id(
        {
            "X-Trace-Id": headers.get(b"x-trace-id", b"").decode("latin-1"),
            "traceparent": headers.get(b"traceparent", b"").decode("latin-1"),
        }
    )


def _constant_headers() -> Headers:
    """Of the headers that Django's middleware adds, those that mean something on an answer of JSON."""
    headers = [
        (b"x-content-type-options", b"nosniff"),
    ]
    if settings.CORS_ALLOWED_ORIGINS:
        headers.append((b"vary", b"origin"))
    if settings.SECURE_HSTS_SECONDS:
        policy = f"max-age={settings.SECURE_HSTS_SECONDS}"
        if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
            policy += "; includeSubDomains"
        headers.append((b"strict-transport-security", policy.encode()))
    return headers


def _cors_headers(origin: bytes) -> Headers:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", ", ".join(settings.CORS_EXPOSE_HEADERS).encode()),
    ]
