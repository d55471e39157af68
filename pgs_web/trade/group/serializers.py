"""Groups as anybody with their link sees them."""

from datetime import UTC
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.display.activity.serializers import STATES, ActivityProductSerializer
from pgs_web.display.activity.states import ActivityState, LeaderLeaves
from pgs_web.display.product.language import choose_text
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.selectors import MEMBERS_SHOWN, GroupView
from pgs_web.trade.group.states import GroupState


class GroupMemberSerializer(serializers.Serializer[Any]):
    """Who is in, masked for others' eyes."""

    name = serializers.CharField()
    is_leader = serializers.BooleanField()


class GroupActivitySerializer(serializers.Serializer[Any]):
    """The offer that the group buys; its prices may have changed since, the group's have not."""

    id = IdField(source="pk")
    title = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    alone_price_fen = serializers.IntegerField(help_text=_("What it costs without a group."))
    ends_at = serializers.DateTimeField(default_timezone=UTC)

    def get_title(self, activity: Any) -> str:
        return choose_text(activity.title, activity.title_en)

    @extend_schema_field(serializers.ChoiceField(choices=[*STATES, ActivityState.WITHDRAWN.value]))
    def get_state(self, activity: Any) -> str:
        return str(self.context["moment"].state_of(activity).value)


class GroupPageSerializer(serializers.Serializer[GroupView]):
    """A group as anybody with its link sees it."""

    # Context: `activity`, `rules` of the group, `names` (member id → masked name), `moment` and `server_time`.

    id = IdField()
    state = serializers.ChoiceField(choices=[state.value for state in GroupState])
    reason = serializers.CharField(allow_blank=True, help_text=_("Why it failed; empty otherwise."))
    activity = serializers.SerializerMethodField()
    product = serializers.SerializerMethodField()
    price_fen = serializers.IntegerField(help_text=_("Of one unit, in this group."))
    size = serializers.IntegerField(help_text=_("Members who have to pay."))
    seats_left = serializers.IntegerField(help_text=_("Places that can be taken now."))
    guaranteed_seats = serializers.IntegerField(
        help_text=_("Seats that the merchant filled at the deadline so that the group is complete; nobody sits there.")
    )
    leader_leaves = serializers.SerializerMethodField(
        help_text=_("What happens when the leader leaves; fixed when the group was opened.")
    )
    members_count = serializers.SerializerMethodField()
    members = serializers.SerializerMethodField()
    opened_at = serializers.DateTimeField(default_timezone=UTC)
    deadline = serializers.DateTimeField(default_timezone=UTC, help_text=_("Not complete then, it fails."))
    server_time = serializers.SerializerMethodField()

    @extend_schema_field(GroupActivitySerializer)
    def get_activity(self, group: GroupView) -> dict[str, Any]:
        return dict(GroupActivitySerializer(self.context["activity"], context=self.context).data)

    @extend_schema_field(ActivityProductSerializer)
    def get_product(self, group: GroupView) -> dict[str, Any]:
        return dict(ActivityProductSerializer(self.context["activity"].sku.product, context=self.context).data)

    @extend_schema_field(serializers.ChoiceField(choices=list(LeaderLeaves)))
    def get_leader_leaves(self, group: GroupView) -> str:
        return str(self.context["rules"].leader_leaves)

    def get_members_count(self, group: GroupView) -> int:
        return len(group.member_ids)

    @extend_schema_field(GroupMemberSerializer(many=True))
    def get_members(self, group: GroupView) -> list[dict[str, Any]]:
        return [
            {"name": self.context["names"][member_id], "is_leader": member_id == group.leader_member_id}
            for member_id in group.member_ids[:MEMBERS_SHOWN]
        ]

    @extend_schema_field(serializers.DateTimeField())
    def get_server_time(self, group: GroupView) -> str:
        return str(serializers.DateTimeField(default_timezone=UTC).to_representation(self.context["server_time"]))


class JoinableGroupSerializer(serializers.Serializer[Any]):
    """A group with a free place."""

    # Context: `names` (member id → masked name).

    id = IdField(source="pk")
    leader = serializers.SerializerMethodField(help_text=_("Masked name of who leads it."))
    price_fen = serializers.IntegerField(help_text=_("Of one unit, in this group."))
    size = serializers.IntegerField()
    seats_left = serializers.IntegerField()
    deadline = serializers.DateTimeField(default_timezone=UTC)

    def get_leader(self, group: Group) -> str:
        return str(self.context["names"][group.leader_member_id])
