"""Activities over HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.paging import OrderedPage
from pgs_web.display.activity.selectors import ON_OFFER, get_activity, list_by_state, read_moment
from pgs_web.display.activity.serializers import (
    ActivityPageSerializer,
    ActivityQuery,
    ActivitySerializer,
    utc_text,
)
from pgs_web.display.activity.states import ActivityState


class ActivitiesView(GenericAPIView[Activity]):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    pagination_class = OrderedPage
    filter_backends = ()
    serializer_class = ActivitySerializer
    queryset = Activity.objects.none()

    @extend_schema(
        operation_id="activities_list",
        summary="Browse offers",
        parameters=[ActivityQuery],
        responses={200: ActivitySerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Offers with price, group size, window, limits and stock; those that have ended only when asked for."""
        query = ActivityQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        wanted: dict[str, Any] = query.validated_data
        self.ordering = wanted["ordering"]
        page: Any = self.paginate_queryset(
            list_by_state(
                states={ActivityState(wanted["state"])} if "state" in wanted else ON_OFFER,
                play=wanted.get("play", ""),
                search=wanted.get("search", ""),
                product_id=wanted.get("product"),
                category=wanted.get("category", ""),
            )
        )
        moment = read_moment()
        answer = self.get_paginated_response(ActivitySerializer(page, many=True, context={"moment": moment}).data)
        answer.data["server_time"] = utc_text(moment)
        return answer


class ActivityView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="activities_read", summary="Read an offer", responses={200: ActivityPageSerializer})
    def get(self, request: Request, activity_id: int) -> Response:
        """One offer; its stock may be seconds old and says how old."""
        activity = get_activity(activity_id)
        return Response(ActivityPageSerializer(activity, context={"moment": read_moment()}).data)
