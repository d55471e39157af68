"""Groups over HTTP; nobody has to sign in to look at one."""

from datetime import UTC

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.api.errors import NotFound
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.selectors import get_activity, read_group_rules, read_moment
from pgs_web.display.activity.states import ActivityState
from pgs_web.member.selectors import get_masked_names
from pgs_web.trade.group.paging import ListPage, paginate_list
from pgs_web.trade.group.selectors import MEMBERS_SHOWN, get_group_page, list_joinable_groups
from pgs_web.trade.group.serializers import GroupPageSerializer, JoinableGroupSerializer


class GroupPageView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="groups_read", summary="Read a group", responses={200: GroupPageSerializer})
    def get(self, request: Request, group_id: int) -> Response:
        """The page behind a shared link: what is bought, who is in, how many are missing and how long there is."""
        group = get_group_page(group_id)
        # Not through get_activity: the members of a withdrawn activity's group still want to know what became of it.
        activity = Activity.objects.select_related("sku__product__merchant").filter(pk=group.activity_id).first()
        if activity is None:
            raise NotFound()
        version = (group.activity_id, group.rules_version)
        context = {
            "activity": activity,
            "rules": read_group_rules([version])[version],
            "names": get_masked_names(group.member_ids[:MEMBERS_SHOWN]),
            "moment": read_moment(),
            "server_time": database_now(alias_of_id(group_id)),
        }
        return Response(GroupPageSerializer(group, context=context).data)


class JoinableGroupsView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    pagination_class = ListPage

    @extend_schema(
        operation_id="activities_groups_list",
        summary="List groups to join",
        responses={200: JoinableGroupSerializer(many=True)},
    )
    def get(self, request: Request, activity_id: int) -> Response:
        """Groups that can be joined now: the fullest first, then the soonest to end. None while it isn't on sale."""
        activity, moment = get_activity(activity_id), read_moment()
        is_on_sale = moment.state_of(activity) == ActivityState.RUNNING
        groups = list_joinable_groups(activity_id) if is_on_sale else []
        page, links = paginate_list(groups, request)
        names = get_masked_names(group.leader_member_id for group in page)
        return Response(
            {
                **links,
                "results": JoinableGroupSerializer(page, many=True, context={"names": names}).data,
                "server_time": serializers.DateTimeField(default_timezone=UTC).to_representation(moment.now),
            }
        )
