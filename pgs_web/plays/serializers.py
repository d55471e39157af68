"""Games as shoppers see them."""

from datetime import UTC
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.plays.rounds import state_now
from pgs_web.plays.shares import write_share_code


class PlaySerializer(serializers.Serializer):
    code = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    entrance = serializers.CharField(allow_null=True)
    takes_new = serializers.BooleanField(help_text="False: nothing new starts, what runs goes on to its end.")


class PlaysSerializer(serializers.Serializer):
    results = PlaySerializer(many=True)


class RoundStartSerializer(serializers.Serializer[Any]):
    """Which campaign's round to start; a game names its component."""

    campaign_id = IdField()


class RoundShareSerializer(serializers.Serializer[Any]):
    """A round as everybody with its link sees it; a game sets `play`, adds fields, and names its component."""

    play: ClassVar[str] = ""

    share_code = serializers.SerializerMethodField()
    activity_id = IdField()
    title = serializers.CharField()
    list_price_fen = serializers.IntegerField()
    started_at = serializers.DateTimeField(default_timezone=UTC)
    ends_at = serializers.DateTimeField(default_timezone=UTC)
    server_time = serializers.DateTimeField(source="now", default_timezone=UTC)
    state = serializers.SerializerMethodField()

    @extend_schema_field(serializers.CharField())
    def get_share_code(self, round_: Any) -> str:
        return write_share_code(self.play, round_.pk)

    @extend_schema_field(serializers.CharField())
    def get_state(self, round_: Any) -> str:
        return state_now(round_)
