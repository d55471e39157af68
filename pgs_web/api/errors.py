"""What the API answers when it can't do what was asked: `application/problem+json` (RFC 9457) with a stable code."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _

from pgs_data.redis.connections import RedisUnavailable
from pgs_web.api.trace import current_trace_id

PROBLEM_TYPE = "application/problem+json"

# A store that is down or overloaded: nothing is wrong with the request, it may be sent again.
OUTAGES: tuple[type[Exception], ...] = (*RedisUnavailable, OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of the request; `field` is a path like `items.0.quantity`."""

    field: str | None
    code: str
    detail: str


class Refusal(Exception):
    """A business rule says no. Services raise subclasses; the API answers `status` with `code` and `detail`.

    A subclass is a kind of refusal and sets the class attributes; an instance may say more. `retry_after`: seconds.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = HTTPStatus.CONFLICT
    detail: Any = _("This can't be done now.")
    retry_after: int | None = None
    errors: tuple[FieldProblem, ...] = ()

    # code → kind, for the documentation.
    kinds: ClassVar[dict[str, type["Refusal"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Refusal.kinds[cls.code] = cls

    def __init__(
        self,
        detail: Any = None,
        *,
        code: str | None = None,
        status: int | None = None,
        retry_after: int | None = None,
        errors: Iterable[FieldProblem] = (),
    ) -> None:
        if detail is not None:
            self.detail = detail
        if code is not None:
            self.code = code  # type: ignore[misc]
        if status is not None:
            self.status = status  # type: ignore[misc]
        if retry_after is not None:
            self.retry_after = retry_after
        self.errors = tuple(errors)
        super().__init__(self.code)


class NotFound(Refusal):
    """There is no such thing, or it belongs to another member: nobody can tell which."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND
    detail = _("There is nothing here. Check the address and the id.")


class TooManyRequests(Refusal):
    code = "too_many_requests"
    status = HTTPStatus.TOO_MANY_REQUESTS
    detail = _("Too many requests. Wait for the number of seconds in Retry-After and try again.")
    retry_after = 1


class Unavailable(Refusal):
    """Something that the answer needs is down; nothing was changed or promised."""

    code = "unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    detail = _("The shop can't answer right now. Try again in a moment; nothing was charged or ordered.")
    retry_after = 1


class BodyTooLarge(Refusal):
    code = "body_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    detail = _("The request body is larger than 65,536 bytes.")


def problem(*, status: int, code: str, detail: Any, errors: Iterable[FieldProblem] = ()) -> dict[str, Any]:
    """The body of an error answer."""
    return {
        "type": f"urn:pgs:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "code": code,
        "detail": str(detail),
        "trace_id": current_trace_id(),
        "errors": [asdict(error) for error in errors],
    }


def problem_headers(*, status: int, retry_after: int | None = None) -> dict[str, str]:
    headers = {}
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, retry_after))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="pgs"'
    return headers


def problem_response(
    *,
    status: int,
    code: str,
    detail: Any,
    retry_after: int | None = None,
    errors: Iterable[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """An error answer for views and middleware outside Django REST framework."""
    return JsonResponse(
        problem(status=status, code=code, detail=detail, errors=errors),
        status=int(status),
        content_type=PROBLEM_TYPE,
        headers={**problem_headers(status=status, retry_after=retry_after), **(headers or {})},
    )


def refusal_response(refusal: Refusal) -> HttpResponse:
    """The answer for a refusal outside Django REST framework."""
    return problem_response(
        status=refusal.status,
        code=refusal.code,
        detail=refusal.detail,
        retry_after=refusal.retry_after,
        errors=refusal.errors,
    )
