"""Assist groups as shoppers' clients write and read them."""

from datetime import UTC
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.marketing.assist.cards import describe_card, tell_help
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.selectors import describe_reward
from pgs_web.marketing.assist.services.buying import Purchase
from pgs_web.marketing.assist.states import CODE, RoundState
from pgs_web.plays.serializers import CardField, RoundShareSerializer, RoundStartSerializer, StateField


@extend_schema_serializer(component_name="AssistStart")
class StartSerializer(RoundStartSerializer):
    pass


@extend_schema_serializer(component_name="AssistCampaign")
class CampaignSerializer(serializers.Serializer[Any]):
    campaign_id = IdField()
    title = serializers.CharField()
    activity_id = IdField()
    needed = serializers.IntegerField(help_text=_("Helps that it takes."))
    price_fen = serializers.IntegerField(help_text=_("What one unit costs when all have helped."))
    is_freight = serializers.BooleanField(help_text=_("The goods are free, the price is their freight."))
    units = serializers.IntegerField(help_text=_("Units that there are at this price."))
    minutes = serializers.IntegerField(help_text=_("Minutes in which all have to help."))
    pay_minutes = serializers.IntegerField(help_text=_("Minutes to buy once all have helped."))
    reward_fen = serializers.IntegerField(help_text=_("Coupon of each helper; 0: none."))
    reward_threshold_fen = serializers.IntegerField()
    reward_days = serializers.IntegerField()


@extend_schema_serializer(component_name="AssistCampaigns")
class CampaignsSerializer(serializers.Serializer[Any]):
    results = CampaignSerializer(many=True)


@extend_schema_serializer(component_name="AssistReward")
class RewardSerializer(serializers.Serializer[Any]):
    """A helper's coupon; it comes within moments of the help."""

    amount_fen = serializers.IntegerField()
    threshold_fen = serializers.IntegerField(help_text=_("For orders that cost so much before any discount."))
    days = serializers.IntegerField(help_text=_("Days that it can be used."))


@extend_schema_serializer(component_name="AssistShare")
class ShareSerializer(RoundShareSerializer):
    """An assist group as everybody with its link sees it."""

    # Context: `helps` (selectors.describe_helps), where who helped is shown.
    play = CODE
    is_own = False

    state = StateField(RoundState)
    price_fen = serializers.IntegerField(help_text=_("What one unit costs when all have helped."))
    is_freight = serializers.BooleanField(help_text=_("The goods are free, the price is their freight."))
    needed = serializers.IntegerField(help_text=_("Helps that it takes."))
    help_count = serializers.IntegerField()
    helps_left = serializers.SerializerMethodField()
    reward = serializers.SerializerMethodField(help_text=_("The coupon that each helper gets."))
    card = CardField(describe_card, beside="helps")

    @extend_schema_field(serializers.IntegerField())
    def get_helps_left(self, round_: Round) -> int:
        return round_.needed - round_.help_count

    @extend_schema_field(RewardSerializer(allow_null=True))
    def get_reward(self, round_: Round) -> Any:
        return describe_reward(round_)


@extend_schema_serializer(component_name="AssistRound")
class RoundSerializer(ShareSerializer):
    """An assist group of yours."""

    is_own = True

    round_id = IdField(source="pk")
    campaign_id = IdField()
    buy_by = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    coupon_id = IdField(allow_null=True, help_text=_("Use it for an order of one unit of this activity, bought alone."))
    order_id = IdField(allow_null=True, help_text=_("The order by which the unit was bought."))


@extend_schema_serializer(component_name="AssistHelp")
class HelpSerializer(serializers.Serializer[Any]):
    helper = serializers.CharField(help_text=_("Masked."))
    helped_at = serializers.DateTimeField(default_timezone=UTC)


@extend_schema_serializer(component_name="AssistShareWithHelps")
class ShareWithHelpsSerializer(ShareSerializer):
    # Context: `units_left` (selectors.count_units_left) too.

    units_left = serializers.SerializerMethodField(
        help_text=_("Units that nobody has at the moment; one may come back, or go to another group.")
    )
    helps = serializers.SerializerMethodField()

    @extend_schema_field(serializers.IntegerField())
    def get_units_left(self, _round: Round) -> int:
        return int(self.context["units_left"])

    @extend_schema_field(HelpSerializer(many=True))
    def get_helps(self, _round: Round) -> Any:
        return HelpSerializer(self.context["helps"], many=True).data


@extend_schema_serializer(component_name="AssistHelped")
class HelpedSerializer(ShareWithHelpsSerializer):
    said = serializers.SerializerMethodField(help_text=_("In words."))

    @extend_schema_field(serializers.CharField())
    def get_said(self, round_: Round) -> str:
        return tell_help(round_)


@extend_schema_serializer(component_name="AssistPurchase")
class PurchaseSerializer(serializers.Serializer[Purchase]):
    """What you order the unit with: an order of one unit, bought alone, under this key; then it takes the coupon."""

    activity_id = IdField(source="round_.activity_id")
    entry_pass = serializers.CharField(help_text=_("For this order, until `buy_by`."))
    idempotency_key = serializers.CharField(help_text=_("Send the order under it: it makes one order."))
    coupon_id = IdField(source="round_.coupon_id")
    price_fen = serializers.IntegerField(source="round_.price_fen")
    buy_by = serializers.DateTimeField(source="round_.buy_by", default_timezone=UTC)
    server_time = serializers.DateTimeField(source="round_.now", default_timezone=UTC)
