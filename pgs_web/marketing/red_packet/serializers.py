"""Red packets as shoppers' clients write and read them."""

from datetime import UTC
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.marketing.red_packet.cards import describe_card
from pgs_web.marketing.red_packet.models import Packet
from pgs_web.marketing.red_packet.selectors import next_rise
from pgs_web.marketing.red_packet.states import CODE, HIDDEN, PacketState
from pgs_web.plays.serializers import CardField, RoundStartSerializer, ShareCodeField, StateField


@extend_schema_serializer(component_name="RedPacketStart")
class StartSerializer(RoundStartSerializer):
    pass


@extend_schema_serializer(component_name="RedPacketCampaign")
class CampaignSerializer(serializers.Serializer[Any]):
    campaign_id = IdField()
    title = serializers.CharField()
    face_fen = serializers.IntegerField()
    cap_fen = serializers.IntegerField()
    rungs = serializers.CharField(help_text=_("Helps and what it is worth from then on, fen: 2:500, 5:1000. Or empty:"))
    most_helps = serializers.IntegerField(allow_null=True, help_text=_("up to so many raises, each random between"))
    least_fen = serializers.IntegerField(allow_null=True, help_text=_("this"))
    most_fen = serializers.IntegerField(allow_null=True, help_text=_("and this."))
    minutes = serializers.IntegerField(help_text=_("Minutes that a red packet lasts."))
    threshold_fen = serializers.IntegerField(help_text=_("Its coupon is for orders of so much or more."))
    coupon_hours = serializers.IntegerField(help_text=_("Hours to use the coupon."))
    product_id = IdField(allow_null=True, help_text=_("Its coupon is for this product only."))
    activity_id = IdField(allow_null=True, help_text=_("Its coupon is for this activity only."))
    only_new_helpers = serializers.BooleanField()


@extend_schema_serializer(component_name="RedPacketCampaigns")
class CampaignsSerializer(serializers.Serializer[Any]):
    results = CampaignSerializer(many=True)


@extend_schema_serializer(component_name="RedPacketShare")
class ShareSerializer(serializers.Serializer[Packet]):
    """A red packet as everybody with its link sees it."""

    # Context: `helps` (selectors.describe_helps), where who helped is shown.
    play = CODE
    is_own = False

    share_code = ShareCodeField()
    title = serializers.CharField()
    state = StateField([state for state in PacketState if state not in HIDDEN])
    face_fen = serializers.IntegerField()
    value_fen = serializers.IntegerField(help_text=_("What it is worth by now."))
    cap_fen = serializers.IntegerField()
    help_count = serializers.IntegerField()
    helps_left = serializers.SerializerMethodField(help_text=_("After so many more helps it is as large as it can be."))
    helps_to_next = serializers.SerializerMethodField(
        help_text=_("After so many more helps it is worth more; null when it is as large as it can be.")
    )
    started_at = serializers.DateTimeField(default_timezone=UTC)
    ends_at = serializers.DateTimeField(default_timezone=UTC)
    commitment = serializers.CharField(help_text=_("SHA-256 of the seed that fixes every raise; told at the end."))
    server_time = serializers.DateTimeField(source="now", default_timezone=UTC)
    card = CardField(describe_card, beside="helps")

    @extend_schema_field(serializers.IntegerField())
    def get_helps_left(self, packet: Packet) -> int:
        return packet.steps - packet.help_count

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_helps_to_next(self, packet: Packet) -> int | None:
        return next_rise(packet)


@extend_schema_serializer(component_name="RedPacket")
class PacketSerializer(ShareSerializer):
    """A red packet of yours."""

    is_own = True

    packet_id = IdField(source="pk")
    campaign_id = IdField()
    threshold_fen = serializers.IntegerField(help_text=_("Its coupon is for orders of so much or more."))
    product_id = IdField(allow_null=True)
    activity_id = IdField(allow_null=True)
    coupon_id = IdField(allow_null=True, help_text=_("The coupon that it became."))


@extend_schema_serializer(component_name="RedPacketHelp")
class HelpSerializer(serializers.Serializer[Any]):
    helper = serializers.CharField(help_text=_("Masked."))
    step = serializers.IntegerField(help_text=_("Which help it was, counted from 1."))
    added_fen = serializers.IntegerField()
    helped_at = serializers.DateTimeField(default_timezone=UTC)


@extend_schema_serializer(component_name="RedPacketShareWithHelps")
class ShareWithHelpsSerializer(ShareSerializer):
    helps = serializers.SerializerMethodField()

    @extend_schema_field(HelpSerializer(many=True))
    def get_helps(self, packet: Packet) -> Any:
        return HelpSerializer(self.context["helps"], many=True).data


@extend_schema_serializer(component_name="RedPacketHelped")
class HelpedSerializer(serializers.Serializer[Any]):
    """What your help added."""

    added_fen = serializers.IntegerField()
    said = serializers.CharField(help_text=_("In words."))
    red_packet = ShareSerializer()


@extend_schema_serializer(component_name="RedPacketProof")
class ProofSerializer(serializers.Serializer[Any]):
    """With it anybody can compute every step; seed and ladder are told when nobody can help any more."""

    algorithm = serializers.CharField()
    commitment = serializers.CharField()
    face_fen = serializers.IntegerField()
    cap_fen = serializers.IntegerField()
    rungs = serializers.CharField()
    most_helps = serializers.IntegerField()
    least_fen = serializers.IntegerField()
    most_fen = serializers.IntegerField()
    seed = serializers.CharField(allow_null=True)
    ladder = serializers.ListField(
        child=serializers.IntegerField(), allow_null=True, help_text=_("What it is worth after 0, 1, 2 … helps.")
    )
    helps = HelpSerializer(many=True)
