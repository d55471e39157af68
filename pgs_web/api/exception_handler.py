"""Every exception that leaves a view of the API becomes one problem answer."""

from math import ceil
from typing import Any

import structlog
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.response import Response

from pgs_web.api.errors import (
    OUTAGES,
    PROBLEM_TYPE,
    FieldProblem,
    NotFound,
    Refusal,
    TooManyRequests,
    Unavailable,
    problem,
    problem_headers,
)

logger = structlog.get_logger(__name__)

CODES = {
    "throttled": TooManyRequests.code,
    "error": "server_error",
}


class RefusalAnswer(exceptions.APIException):
    """A refusal on its way through Django REST framework."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(detail=refusal.detail, code=refusal.code)
        self.status_code = int(refusal.status)
        self.retry_after = refusal.retry_after
        self.problems = refusal.errors


class ProblemFormatter(ExceptionFormatter):
    """The body of an error answer, in the shape of `errors.problem`."""

    def run(self) -> dict[str, Any]:
        status = self.exc.status_code
        if isinstance(self.exc, RefusalAnswer):
            error = self.get_errors()[0]
            return problem(status=status, code=error.code, detail=error.detail, errors=self.exc.problems)
        problems = [
            FieldProblem(
                field=None if error.attr == "non_field_errors" else error.attr, code=error.code, detail=error.detail
            )
            for error in self.get_errors()
        ]
        if isinstance(self.exc, exceptions.ValidationError):
            detail = "; ".join(f"{each.field}: {each.detail}" if each.field else each.detail for each in problems)
            return problem(status=status, code="validation_error", detail=detail, errors=problems)
        return problem(status=status, code=CODES.get(problems[0].code, problems[0].code), detail=problems[0].detail)


def describe_exception(error: exceptions.APIException) -> dict[str, Any]:
    """The body of the answer to an exception outside a view, in the language that is active."""
    return ProblemFormatter(exc=error, context={}, original_exc=error).run()  # type: ignore[typeddict-item]


class ProblemHandler(ExceptionHandler):
    """Refusals, outages, Django's own exceptions and bugs; a bug is 500 `server_error`, logged and reported."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Refusal):
            return RefusalAnswer(exc)
        if isinstance(exc, OUTAGES):
            logger.warning("store_unavailable", error=type(exc).__name__, detail=str(exc)[:200])
            return RefusalAnswer(Unavailable())
        converted = super().convert_known_exceptions(exc)
        return RefusalAnswer(NotFound()) if isinstance(converted, exceptions.NotFound) else converted

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Response:
        return Response(data, status=exc.status_code, headers=self.get_headers(exc), content_type=PROBLEM_TYPE)

    def get_headers(self, exc: exceptions.APIException) -> dict[str, str]:
        retry_after = getattr(exc, "retry_after", None)
        wait = getattr(exc, "wait", None)
        if retry_after is None and wait is not None:
            retry_after = ceil(wait)
        return problem_headers(status=exc.status_code, retry_after=retry_after)

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        # Saying "not now" is no bug: it was logged as a warning, where there was something to log.
        if not isinstance(exc, RefusalAnswer):
            super().report_exception(exc, response)
