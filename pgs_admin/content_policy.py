"""The back office's scripts need what the shop's pages are never allowed."""

from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL
from django.http import HttpRequest, HttpResponse

ADMIN_PATH = "/admin/"


def allow_evaluation(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware inside django-csp's: Alpine evaluates the expressions of unfold's templates, below /admin/ only."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path_info.startswith(ADMIN_PATH):
            response._csp_update = {"script-src": [SELF, UNSAFE_EVAL]}  # type: ignore[attr-defined]
        return response

    return answer
