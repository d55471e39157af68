"""What every request passes: a trace id first, then the limits of the API. Works in sync and async chains."""

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Any, cast

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import MethodNotAllowed

from pgs_web.api.body_limit import log_large_body
from pgs_web.api.errors import (
    OUTAGES,
    BodyTooLarge,
    Refusal,
    Unavailable,
    problem_response,
    refusal_response,
)
from pgs_web.api.limits import API_ROOT, LARGEST_BODY
from pgs_web.api.trace import TRACE_HEADER, bind_trace_id, choose_trace_id

GetResponse = Callable[[HttpRequest], Any]
logger = structlog.get_logger(__name__)


@sync_and_async_middleware
def trace_requests(get_response: GetResponse) -> GetResponse:
    """Gives the request its trace id: in logs as `trace_id`, in the answer as `X-Trace-Id`. Must be the first one."""

    def begin(request: HttpRequest) -> str:
        trace_id = choose_trace_id(request.headers)
        request.trace_id = trace_id  # type: ignore[attr-defined]
        bind_trace_id(trace_id)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(trace_id=trace_id)
        return trace_id

    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            trace_id = begin(request)
            response = await cast(Awaitable[HttpResponseBase], get_response(request))
            response.headers[TRACE_HEADER] = trace_id
            return response

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        trace_id = begin(request)
        response = get_response(request)
        response.headers[TRACE_HEADER] = trace_id
        return response

    return answer


@sync_and_async_middleware
def limit_bodies(get_response: GetResponse) -> GetResponse:
    """413 for API bodies over 64 KB and 400 for NUL in the query, before anything reads them.

    A body without Content-Length is measured by `body_limit.BodyLimit` in front of Django (ASGI).
    """
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            return refuse_request(request) or await get_response(request)

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        return refuse_request(request) or get_response(request)

    return answer


def refuse_request(request: HttpRequest) -> HttpResponseBase | None:
    """The answer to an API request that no view should see, else None."""
    if not request.path.startswith(API_ROOT):
        return None
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        return problem_response(status=400, code="parse_error", detail=_("Content-Length isn't a number."))
    if int(length[:20]) > LARGEST_BODY:
        log_large_body(path=request.path)
        return refusal_response(BodyTooLarge())
    if "%00" in request.META.get("QUERY_STRING", ""):
        return problem_response(status=400, code="parse_error", detail=_("Remove the NUL characters."))
    return None


class ApiConventions:
    """The API speaks UTC, answers 405 whoever asks, and turns what plain views raise into problems."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self):
            return self.answer_async(request)
        if not request.path.startswith(API_ROOT):
            return self.get_response(request)
        # People see Asia/Shanghai, programs see UTC.
        with timezone.override(UTC):
            return self.get_response(request)

    async def answer_async(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(API_ROOT):
            return await self.get_response(request)
        with timezone.override(UTC):
            return await self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_arguments: Any) -> HttpResponseBase | None:
        """405 before sign-in is asked for: Django REST framework would answer 401 first."""
        allowed = allowed_methods(view)
        if allowed is None or request.method in allowed:
            return None
        return method_refusal(request, allowed)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Answers refusals and outages of plain Django views; those of Django REST framework have their own handler."""
        if not request.path.startswith(API_ROOT):
            return None
        if isinstance(error, Refusal):
            return refusal_response(error)
        if isinstance(error, OUTAGES):
            logger.warning("store_unavailable", error=type(error).__name__, detail=str(error)[:200])
            return refusal_response(Unavailable())
        return None


def allowed_methods(view: Callable[..., Any]) -> list[str] | None:
    """The methods of a view of Django REST framework; None for other views, which answer for themselves."""
    view_class = getattr(view, "cls", None)
    if view_class is None:
        return None
    actions = getattr(view, "actions", None)
    names = actions or [name for name in view_class.http_method_names if hasattr(view_class, name)]
    methods = {name.upper() for name in names}
    if "GET" in methods:
        methods.add("HEAD")
    if view_class.metadata_class is None:
        methods.discard("OPTIONS")
    return sorted(methods)


def method_refusal(request: HttpRequest, allowed: list[str]) -> HttpResponseBase:
    refusal = MethodNotAllowed(request.method or "")
    return problem_response(
        status=refusal.status_code,
        code=refusal.default_code,
        detail=refusal.detail,
        headers={"Allow": ", ".join(allowed)},
    )
