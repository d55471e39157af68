"""What receiving processes answer: the same bytes as the API's views, without going through them."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import trans_real
from rest_framework.exceptions import APIException

from pgs_web.api.errors import PROBLEM_TYPE, Refusal, problem, problem_headers
from pgs_web.api.exception_handler import describe_exception
from pgs_web.api.trace import traced
from pgs_web.trade.intake.services import PlacedOrder
from pgs_web.trade.order.states import OrderState

Headers = list[tuple[bytes, bytes]]

MOST_LANGUAGES = 1_000
# Stands in templates where the request's own goes.
TRACE_MARK = "trace-id-goes-here"

_ACCEPTED = OrderState.ACCEPTED.value
_JSON = (b"content-type", b"application/json")

logger = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """Status, headers and body; the headers that every answer has are added by the sender."""

    status: int
    headers: Headers
    body: bytes


class Languages:
    """`Accept-Language` → the language that we speak to its sender."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def choose(self, accept: bytes) -> str:
        """As Django's LocaleMiddleware does, for requests without a cookie."""
        language = self._known.get(accept)
        if language is None:
            language = _choose_language(accept.decode("latin-1"))
            if len(self._known) >= MOST_LANGUAGES:
                self._known.clear()
            self._known[accept] = language
        return language


def _choose_language(accept: str) -> str:
    for wanted, _weight in trans_real.parse_accept_lang_header(accept):
        if wanted == "*":
            break
        if trans_real.language_code_re.search(wanted):
            try:
                return translation.get_supported_language_variant(wanted)
            except LookupError:
                continue
    return translation.get_supported_language_variant(settings.LANGUAGE_CODE)


# (kind of refusal, language) → status, headers, what stands before and after the trace id. A fixed set.
_templates: dict[tuple[type[Refusal], str], tuple[int, Headers, bytes, bytes]] = {}


def describe_refusal(refusal: Refusal, *, language: str, trace_id: str) -> Answer:
    """The problem that a refusal of errors.py is."""
    kind = type(refusal)
    is_plain = "detail" not in refusal.__dict__ and "code" not in refusal.__dict__ and not refusal.errors
    if not is_plain or refusal.retry_after != kind.retry_after:
        return _describe(refusal, language=language, trace_id=trace_id)
    template = _templates.get((kind, language))
    if template is None:
        answer = _describe(refusal, language=language, trace_id=TRACE_MARK)
        before, _mark, after = answer.body.partition(TRACE_MARK.encode())
        template = _templates[kind, language] = (answer.status, answer.headers, before, after)
    status, headers, before, after = template
    return Answer(status, headers, b"%b%b%b" % (before, trace_id.encode(), after))


def describe_error(error: Exception, *, language: str, trace_id: str) -> Answer:
    """The problem of an exception that a view may raise; a bug is 500 `server_error`, logged and reported."""
    if isinstance(error, Refusal):
        return describe_refusal(error, language=language, trace_id=trace_id)
    with translation.override(language), traced(trace_id):
        if isinstance(error, APIException):
            status, retry_after = error.status_code, None
            body = describe_exception(error)
        else:
            logger.error("receiving_failed", trace_id=trace_id, exc_info=error)
            status, retry_after = HTTPStatus.INTERNAL_SERVER_ERROR, None
            body = problem(
                status=status, code="server_error", detail=_("Something broke on our side. Tell us the trace id.")
            )
    return _problem_answer(status, retry_after, body, language)


def _describe(refusal: Refusal, *, language: str, trace_id: str) -> Answer:
    with translation.override(language), traced(trace_id):
        body = problem(status=refusal.status, code=refusal.code, detail=refusal.detail, errors=refusal.errors)
    return _problem_answer(refusal.status, refusal.retry_after, body, language)


def _problem_answer(status: int, retry_after: int | None, body: dict[str, Any], language: str) -> Answer:
    headers: Headers = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"content-language", language.encode()),
        (b"vary", b"Accept-Language"),
    ]
    headers += [
        (name.lower().encode(), value.encode())
        for name, value in problem_headers(status=status, retry_after=retry_after).items()
    ]
    return Answer(int(status), headers, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


def describe_placed(placed: PlacedOrder) -> Answer:
    """202, in the shape of AcceptedOrderSerializer; the moment is the admission's, so a repetition is told the same."""
    order_id, hold = placed.order_id, placed.hold
    group_id = hold.group_id
    group = "null" if group_id is None else f'"{group_id}"'
    body = (
        f'{{"order_id":"{order_id}","group_id":{group},"state":"{_ACCEPTED}",'
        f'"amount_fen":{hold.amount_fen},"pay_by":"{show_ms(hold.pay_by_ms)}",'
        f'"queue":{{"position":{hold.position},"eta_seconds":{hold.eta_seconds}}},'
        f'"server_time":"{show_ms(hold.accepted_ms)}"}}'
    )
    return Answer(202, [_JSON, (b"location", b"/api/v1/orders/%d/" % order_id)], body.encode())


# Seconds since 1970 → their text, without the fraction: orders of one moment share both of their times.
_seconds: dict[int, str] = {}


def show_ms(unix_ms: int) -> str:
    """Milliseconds since 1970 as the API writes times: ISO 8601 in UTC."""
    seconds, rest = divmod(unix_ms, 1000)
    text = _seconds.get(seconds)
    if text is None:
        if len(_seconds) > 10_000:
            _seconds.clear()
        text = _seconds[seconds] = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    return f"{text}.{rest:03d}000Z" if rest else f"{text}Z"
