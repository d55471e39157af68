"""The front page over HTTP."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.display.home.selectors import read_front_page
from pgs_web.display.home.serializers import FrontPageSerializer


class HomeView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="home_read", summary="Read the front page", responses={200: FrontPageSerializer})
    def get(self, request: Request) -> Response:
        """What a front page needs in one answer."""
        page = read_front_page()
        return Response(FrontPageSerializer(page, context={"moment": page.moment}).data)
