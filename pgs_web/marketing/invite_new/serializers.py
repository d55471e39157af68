"""Invitations as shoppers' clients write and read them."""

from datetime import UTC
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.marketing.invite_new.cards import describe_card
from pgs_web.marketing.invite_new.models import Reward, Round
from pgs_web.marketing.invite_new.selectors import is_pass_over
from pgs_web.marketing.invite_new.services.door import describe_opening
from pgs_web.marketing.invite_new.states import CODE, RewardKind, RewardState, RoundState
from pgs_web.plays.serializers import CardField, RoundStartSerializer, ShareCodeField

KINDS = " or ".join(RewardKind)
REWARD_STATES = " or ".join(RewardState)


@extend_schema_serializer(component_name="InviteNewStart")
class StartSerializer(RoundStartSerializer):
    pass


@extend_schema_serializer(component_name="InviteNewCampaign")
class CampaignSerializer(serializers.Serializer[Any]):
    campaign_id = IdField()
    title = serializers.CharField()
    activity_id = IdField()
    group_size = serializers.IntegerField(source="activity.group_size")
    new_seats = serializers.IntegerField(
        source="activity.new_seats",
        help_text=_("So many of a group, its leader not counted, must never have paid an order here before."),
    )
    price_fen = serializers.IntegerField(source="activity.price_fen")
    alone_price_fen = serializers.IntegerField(source="activity.alone_price_fen", help_text=_("For comparison."))
    leader_has_paid = serializers.BooleanField(help_text=_("Only who has paid an order before may invite."))
    reward_kind = serializers.CharField(help_text=KINDS)
    reward_fen = serializers.IntegerField(help_text=_("0 for nothing, and for a free order."))
    ends_at = serializers.DateTimeField(source="activity.ends_at", default_timezone=UTC)


@extend_schema_serializer(component_name="InviteNewCampaigns")
class CampaignsSerializer(serializers.Serializer[Any]):
    results = CampaignSerializer(many=True)


@extend_schema_serializer(component_name="InviteNewMember")
class MemberSerializer(serializers.Serializer[Any]):
    member = serializers.CharField(help_text=_("Masked."))
    is_leader = serializers.BooleanField()


@extend_schema_serializer(component_name="InviteNewEntry")
class EntrySerializer(serializers.Serializer[Any]):
    """What `POST /orders/` needs besides your address: these fields, and the key as `Idempotency-Key`."""

    activity_id = IdField()
    group_id = IdField(allow_null=True, help_text=_("Null: the order opens the group."))
    idempotency_key = serializers.CharField()
    entry_pass = serializers.CharField()
    valid_until = serializers.DateTimeField(default_timezone=UTC)


@extend_schema_serializer(component_name="InviteNewReward")
class RewardSerializer(serializers.Serializer[Reward]):
    kind = serializers.CharField(help_text=KINDS)
    amount_fen = serializers.IntegerField()
    state = serializers.CharField(help_text=REWARD_STATES)
    coupon_id = IdField(allow_null=True)
    request_id = IdField(allow_null=True, help_text=_("The after-sale request under which the money comes."))


@extend_schema_serializer(component_name="InviteNewShare")
class ShareSerializer(serializers.Serializer[Round]):
    """An invitation as everybody with its link sees it."""

    # Context: `progress` (selectors.describe_progress) where one is shown.

    play = CODE
    is_own = False

    # Context: `progress` (selectors.describe_progress), by round.

    share_code = ShareCodeField()
    activity_id = IdField()
    title = serializers.CharField()
    state = serializers.CharField(help_text=" or ".join(RoundState))
    price_fen = serializers.IntegerField()
    group_size = serializers.IntegerField()
    new_seats = serializers.IntegerField()
    started_at = serializers.DateTimeField(default_timezone=UTC)
    ends_at = serializers.DateTimeField(source="until", default_timezone=UTC, allow_null=True)
    server_time = serializers.DateTimeField(source="now", default_timezone=UTC)
    card = CardField(describe_card, beside="progress")


@extend_schema_serializer(component_name="InviteNewShareWithMembers")
class ShareWithMembersSerializer(ShareSerializer):
    members = serializers.SerializerMethodField()
    seats_left = serializers.SerializerMethodField()
    other_seats_left = serializers.SerializerMethodField(
        help_text=_("Of these, seats for friends who have paid an order here before.")
    )

    @extend_schema_field(MemberSerializer(many=True))
    def get_members(self, round_: Round) -> Any:
        return MemberSerializer(self.context["progress"]["members"], many=True).data

    @extend_schema_field(serializers.IntegerField())
    def get_seats_left(self, round_: Round) -> int:
        seats_left: int = self.context["progress"]["seats_left"]
        return seats_left

    @extend_schema_field(serializers.IntegerField())
    def get_other_seats_left(self, round_: Round) -> int:
        other_seats_left: int = self.context["progress"]["other_seats_left"]
        return other_seats_left


@extend_schema_serializer(component_name="InviteNewRound")
class RoundSerializer(ShareSerializer):
    """An invitation of yours."""

    # Context: `rewards` (selectors.rewards_of).

    is_own = True

    round_id = IdField(source="pk")
    campaign_id = IdField()
    open_by = serializers.DateTimeField(default_timezone=UTC)
    order_id = IdField(allow_null=True)
    group_id = IdField(allow_null=True)
    entry = serializers.SerializerMethodField(
        help_text=_("While it is OPENING and its time isn't over; null otherwise.")
    )
    reward_kind = serializers.CharField(help_text=KINDS)
    reward_fen = serializers.IntegerField()
    reward = serializers.SerializerMethodField(help_text=_("Once the group is complete; null without one."))

    @extend_schema_field(EntrySerializer(allow_null=True))
    def get_entry(self, round_: Round) -> Any:
        is_usable = round_.state == RoundState.OPENING and not is_pass_over(round_)
        return EntrySerializer(describe_opening(round_)).data if is_usable else None

    @extend_schema_field(RewardSerializer(allow_null=True))
    def get_reward(self, round_: Round) -> Any:
        reward = self.context["rewards"].get(round_.pk)
        return None if reward is None else RewardSerializer(reward).data


@extend_schema_serializer(component_name="InviteNewJoined")
class JoinedSerializer(serializers.Serializer[Any]):
    """You may join: order with this before its time is over. Seats are taken by orders, first come, first served."""

    is_new_member = serializers.BooleanField(help_text=_("As judged now; your payment is judged again."))
    entry = EntrySerializer()
    invitation = ShareSerializer()
    said = serializers.CharField(help_text=_("For the shopper to read."))
