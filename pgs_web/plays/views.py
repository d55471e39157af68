"""`/plays/`: which games there are; and what views of games have in common."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.plays.registry import all_plays
from pgs_web.plays.serializers import PlaysSerializer
from pgs_web.plays.switches import is_draining


class PublicView(APIView):
    """Without signing in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class PlaysView(PublicView):
    @extend_schema(operation_id="plays_list", summary="List games", tags=["plays"], responses={200: PlaysSerializer})
    def get(self, request: Request) -> Response:
        """The games that are on; few, so without pages."""
        shown = [
            {
                "code": play.code,
                "title": str(play.title),
                "summary": str(play.summary),
                "entrance": play.entrance(),
                "takes_new": not is_draining(play.code),
            }
            for play in all_plays()
        ]
        return Response(PlaysSerializer({"results": shown}).data)
