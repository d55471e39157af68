"""What Django itself answers when no view does: problems under /api/, Django's pages elsewhere."""

import sys
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _
from django.views import defaults

from pgs_web.api.errors import OUTAGES, NotFound, Unavailable, problem_response, refusal_response
from pgs_web.api.limits import API_ROOT


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not request.path.startswith(API_ROOT):
        return defaults.bad_request(request, exception)
    return problem_response(
        status=400, code="bad_request", detail=_("The request is malformed or its host is unknown.")
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not request.path.startswith(API_ROOT):
        return defaults.permission_denied(request, exception)
    return problem_response(status=403, code="permission_denied", detail=_("This isn't allowed."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not request.path.startswith(API_ROOT):
        return defaults.page_not_found(request, exception)
    return refusal_response(NotFound())


def server_error(request: HttpRequest, *_rest: Any) -> HttpResponseBase:
    # Called while the exception is being handled; a store may be down before any view is reached (sessions).
    outage = isinstance(sys.exc_info()[1], OUTAGES)
    if not request.path.startswith(API_ROOT):
        return defaults.server_error(request)
    if outage:
        return refusal_response(Unavailable())
    return problem_response(
        status=500, code="server_error", detail=_("Something broke on our side. Tell us the trace id.")
    )
