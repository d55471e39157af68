"""`/devices/`: the mark by which games know a device again."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.errors import TooManyRequests
from pgs_web.api.schema import refusals
from pgs_web.plays.eligibility.devices import keep_mark, make_mark, mark_of


class DeviceSerializer(serializers.Serializer[Any]):
    device = serializers.CharField(help_text="Browsers keep it in a cookie; apps send it as `X-Device`.")


class DevicesView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="devices_mark",
        summary="Get this device's mark",
        tags=["plays"],
        request=None,
        responses={200: DeviceSerializer, **refusals(TooManyRequests)},
    )
    def post(self, request: Request) -> Response:
        """Ask before the first help: games take helps from devices with a mark only. Yours again, if you send it."""
        mark = mark_of(request) or make_mark(request)
        response = Response(DeviceSerializer({"device": mark}).data, status=status.HTTP_200_OK)
        keep_mark(response, mark, is_secure=request.is_secure())
        return response
