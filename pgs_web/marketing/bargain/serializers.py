"""Bargains as shoppers' clients write and read them."""

from datetime import UTC
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.marketing.bargain.cards import describe_card
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.plays.serializers import CardField, RoundShareSerializer, RoundStartSerializer, StateField


@extend_schema_serializer(component_name="BargainStart")
class StartSerializer(RoundStartSerializer):
    pass


@extend_schema_serializer(component_name="BargainCampaign")
class CampaignSerializer(serializers.Serializer[Any]):
    campaign_id = IdField()
    title = serializers.CharField()
    activity_id = IdField()
    floor_price_fen = serializers.IntegerField()
    cuts = serializers.IntegerField()
    new_member_cuts = serializers.IntegerField(help_text=_("Cuts that a new member makes at once."))
    minutes = serializers.IntegerField(help_text=_("Minutes that a bargain lasts."))
    pay_minutes = serializers.IntegerField(help_text=_("Minutes to buy once the price is reached."))
    may_buy_early = serializers.BooleanField()


@extend_schema_serializer(component_name="BargainCampaigns")
class CampaignsSerializer(serializers.Serializer[Any]):
    results = CampaignSerializer(many=True)


@extend_schema_serializer(component_name="BargainShare")
class ShareSerializer(RoundShareSerializer):
    """A bargain as everybody with its link sees it."""

    # Context: `helps` (selectors.describe_helps), where who helped is shown.
    play = CODE
    is_own = False

    state = StateField(RoundState)
    floor_price_fen = serializers.IntegerField()
    price_fen = serializers.SerializerMethodField(help_text=_("What it costs by now."))
    cut_fen = serializers.IntegerField()
    cut_count = serializers.IntegerField()
    cuts = serializers.IntegerField()
    helps_left = serializers.SerializerMethodField(
        help_text=_("So many more helps reach the lowest price for certain, fewer when new members help.")
    )
    new_helps_left = serializers.SerializerMethodField(help_text=_("So many, when all of them are new members."))
    commitment = serializers.CharField(help_text=_("SHA-256 of the seed that fixes every cut; told at the end."))
    card = CardField(describe_card, beside="helps")

    @extend_schema_field(serializers.IntegerField())
    def get_price_fen(self, round_: Round) -> int:
        return round_.list_price_fen - round_.cut_fen

    @extend_schema_field(serializers.IntegerField())
    def get_helps_left(self, round_: Round) -> int:
        return round_.cuts - round_.cut_count

    @extend_schema_field(serializers.IntegerField())
    def get_new_helps_left(self, round_: Round) -> int:
        return -(-(round_.cuts - round_.cut_count) // round_.new_member_cuts)


@extend_schema_serializer(component_name="BargainRound")
class RoundSerializer(ShareSerializer):
    """A bargain of yours."""

    is_own = True

    round_id = IdField(source="pk")
    campaign_id = IdField()
    may_buy_early = serializers.BooleanField()
    buy_by = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    coupon_id = IdField(allow_null=True, help_text=_("Use it for an order of one unit of this activity, bought alone."))


@extend_schema_serializer(component_name="BargainHelp")
class HelpSerializer(serializers.Serializer[Any]):
    helper = serializers.CharField(help_text=_("Masked."))
    first_cut = serializers.IntegerField(help_text=_("Which cut of the schedule, from 0."))
    cuts = serializers.IntegerField()
    cut_fen = serializers.IntegerField()
    helped_at = serializers.DateTimeField(default_timezone=UTC)


@extend_schema_serializer(component_name="BargainShareWithHelps")
class ShareWithHelpsSerializer(ShareSerializer):
    helps = serializers.SerializerMethodField()

    @extend_schema_field(HelpSerializer(many=True))
    def get_helps(self, round_: Round) -> Any:
        return HelpSerializer(self.context["helps"], many=True).data


@extend_schema_serializer(component_name="BargainHelped")
class HelpedSerializer(serializers.Serializer[Any]):
    """What you cut."""

    cuts = serializers.IntegerField()
    cut_fen = serializers.IntegerField()
    said = serializers.CharField(help_text=_("In words."))
    bargain = ShareSerializer()


@extend_schema_serializer(component_name="BargainProof")
class ProofSerializer(serializers.Serializer[Any]):
    """With it anybody can compute every cut; seed and schedule are told when nobody can cut any more."""

    algorithm = serializers.CharField()
    commitment = serializers.CharField()
    gap_fen = serializers.IntegerField()
    cuts = serializers.IntegerField()
    min_cut_fen = serializers.IntegerField()
    seed = serializers.CharField(allow_null=True)
    schedule = serializers.ListField(child=serializers.IntegerField(), allow_null=True)
    helps = HelpSerializer(many=True)
