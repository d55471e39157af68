"""Games as shoppers see them."""

from collections.abc import Callable, Iterable
from datetime import UTC
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.plays.cards import Card, CardAct, CardFigure, CardHelp
from pgs_web.plays.rounds import state_now
from pgs_web.plays.shares import write_share_code
from pgs_web.plays.states import Stage


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


@extend_schema_serializer(component_name="PlayCardFigure")
class CardFigureSerializer(serializers.Serializer[CardFigure]):
    name = serializers.CharField()
    text = serializers.CharField()
    kind = serializers.CharField(help_text=_("before, now, or empty."))


@extend_schema_serializer(component_name="PlayCardHelp")
class CardHelpSerializer(serializers.Serializer[CardHelp]):
    who = serializers.CharField(help_text=_("Masked."))
    what = serializers.CharField()


@extend_schema_serializer(component_name="PlayCardAct")
class CardActSerializer(serializers.Serializer[CardAct]):
    name = serializers.CharField()
    path = serializers.CharField(help_text=_("POST there, signed in, without a body."))
    question = serializers.CharField(help_text=_("Ask it before; empty for none."))
    is_grave = serializers.BooleanField(help_text=_("Not to be pressed by mistake."))


@extend_schema_serializer(component_name="PlayCard")
class CardSerializer(serializers.Serializer[Card]):
    """A round of any game, in words of the reader's language: one page shows them all."""

    play = serializers.CharField()
    round_id = IdField()
    share_code = serializers.CharField()
    page = serializers.CharField(help_text=_("The page to share, below the shop's address."))
    title = serializers.CharField()
    activity_id = IdField(allow_null=True)
    stage = serializers.CharField(help_text=" or ".join(Stage))
    headline = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField())
    figures = CardFigureSerializer(many=True)
    done = serializers.IntegerField()
    goal = serializers.IntegerField(help_text=_("0 when there is no progress to show."))
    ends_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    ends_label = serializers.CharField(help_text=_("What is over then; empty without ends_at."))
    helps = CardHelpSerializer(many=True, help_text=_("The newest first; empty where a list is told."))
    helps_label = serializers.CharField(help_text=_("What they are; empty: friends who helped."))
    acts = CardActSerializer(many=True, help_text=_("What the one who asks may try."))
    server_time = serializers.DateTimeField(default_timezone=UTC)


class ShareCodeField(serializers.CharField):
    """What who started a round shares; the serializer says in `play` of which game."""

    def __init__(self) -> None:
        super().__init__(source="pk", read_only=True)

    def to_representation(self, round_id: Any) -> str:
        parent: Any = self.parent
        return write_share_code(parent.play, round_id)


class StateField(serializers.CharField):
    """A round's state, as it is now. In words: an enumeration would need a name of its own in the settings."""

    def __init__(self, states: Iterable[str]) -> None:
        super().__init__(source="*", read_only=True)
        tell: Any = extend_schema_field(serializers.CharField(help_text=" or ".join(states)))
        tell(self)

    def to_representation(self, round_: Any) -> str:
        return state_now(round_)


@extend_schema_field(CardSerializer)
class CardField(serializers.Field[Any, Any, Any, Any]):
    """A round's card, for who started it where the serializer says `is_own`.

    `beside` names what the view may have read beside the round: a key of the context, and an argument of `describe`.
    """

    def __init__(self, describe: Callable[..., Card], *, beside: str) -> None:
        super().__init__(source="*", read_only=True)
        self.describe, self.beside = describe, beside

    def to_representation(self, round_: Any) -> Any:
        read = {self.beside: self.context[self.beside]} if self.beside in self.context else {}
        return CardSerializer(self.describe(round_, is_own=getattr(self.parent, "is_own", False), **read)).data


class RoundShareSerializer(serializers.Serializer[Any]):
    """A round (RoundModel) as everybody with its link sees it; a game sets `play`, adds fields, names its component."""

    play: ClassVar[str] = ""

    share_code = ShareCodeField()
    activity_id = IdField()
    title = serializers.CharField()
    list_price_fen = serializers.IntegerField()
    started_at = serializers.DateTimeField(default_timezone=UTC)
    ends_at = serializers.DateTimeField(default_timezone=UTC)
    server_time = serializers.DateTimeField(source="now", default_timezone=UTC)
