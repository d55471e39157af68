"""Views that fail in every way a view can; the urlconf of the tests of problems."""

import redis
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse
from django.urls import path
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.errors import FieldProblem, Refusal
from pgs_web.api.fields import StrictIntegerField
from pgs_web.api.trace import current_trace_id


class SoldOutForTest(Refusal):
    code = "sold_out_for_test"
    detail = "Nothing is left."


class Line(serializers.Serializer):
    quantity = StrictIntegerField(min_value=1, max_value=9)


class Body(serializers.Serializer):
    lines = Line(many=True)


RAISED = {
    "refusal": lambda: SoldOutForTest(),
    "refusal-with-more": lambda: SoldOutForTest(
        "Only 2 are left.", retry_after=7, errors=[FieldProblem("quantity", "max_value", "2 at most")]
    ),
    "http404": lambda: Http404("secret"),
    "denied": lambda: PermissionDenied("secret"),
    "suspicious": lambda: SuspiciousOperation("secret"),
    "redis-down": lambda: redis.exceptions.ConnectionError("secret"),
    "redis-hangs": lambda: redis.exceptions.TimeoutError("secret"),
    "database-down": lambda: OperationalError("secret"),
    "database-gone": lambda: InterfaceError("secret"),
    "throttled": lambda: Throttled(wait=2.5),
    "bug": lambda: ZeroDivisionError("secret"),
}


class FailingView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request, kind):
        raise RAISED[kind]()


def fail_plainly(request, kind):
    raise RAISED[kind]()


class EchoView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request):
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        return Response({"read": body.validated_data, "trace_id": current_trace_id()})


class MembersOnlyView(APIView):
    def get(self, request):
        return Response({"member_id": str(request.user.id)})


def tell_time(request):
    return JsonResponse({"ok": True})


urlpatterns = [
    path("api/v1/fail/<str:kind>/", FailingView.as_view()),
    path("api/v1/plain/<str:kind>/", fail_plainly),
    path("api/v1/echo/", EchoView.as_view()),
    path("api/v1/members-only/", MembersOnlyView.as_view()),
    path("api/v1/things/<id:thing_id>/", lambda request, thing_id: JsonResponse({"id": thing_id})),
    path("page/<str:kind>/", fail_plainly),
]
handler400 = "pgs_web.api.handlers.bad_request"
handler403 = "pgs_web.api.handlers.permission_denied"
handler404 = "pgs_web.api.handlers.page_not_found"
handler500 = "pgs_web.api.handlers.server_error"
