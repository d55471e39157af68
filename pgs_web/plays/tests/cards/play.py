"""A game of the tests: it remembers what it was told."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms

from pgs_data.messaging.relay import Message
from pgs_web.plays.contract import Play, PlayCheck, PlayJob
from pgs_web.plays.telling import Figure, OwnFigure, PreviewLine, Unit

told: list[tuple[str, list[int]]] = []
failing: list[Exception] = []


class CardRules(forms.Form):
    cards = forms.IntegerField(min_value=1, max_value=9)
    is_open = forms.BooleanField(required=False)


def deal_cards() -> str:
    return "dealt"


def find_lost_cards() -> Iterator[str]:
    yield "card 7: lost"


def take_card(messages: Sequence[Message]) -> None:
    told.append(("card", [message.payload["card"] for message in messages]))


class Cards(Play):
    code = "cards"
    title = "Cards"
    jobs = (PlayJob(name="deal", run=deal_cards, every_seconds=5),)
    handlers = {"card": take_card}
    checks = (PlayCheck(name="lost", promise="no card is lost", find_offenders=find_lost_cards, is_always=True),)
    rule_form = CardRules
    endings = {"WON": "won"}
    own_figures = (OwnFigure(name="dealt", title="dealt"),)

    def preview(self, rules: Mapping[str, Any]) -> Sequence[PreviewLine]:
        return [PreviewLine(title="Cards", text=f"{rules['cards']} cards")]

    def read_figures(self, campaign_ids: Sequence[int]) -> Mapping[int, Sequence[Figure]]:
        return {one: [Figure(title="envelope", value=100, of=400, unit=Unit.FEN)] for one in campaign_ids}

    def on_order_paid(self, messages: Sequence[Message]) -> None:
        if failing:
            raise failing.pop()
        told.append(("paid", [message.payload["order_id"] for message in messages]))


PLAY = Cards()
