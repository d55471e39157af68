"""A game of the tests: it remembers what it was told."""

from collections.abc import Iterator, Sequence

from django import forms

from pgs_data.messaging.relay import Message
from pgs_web.plays.contract import Play, PlayCheck, PlayJob

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

    def on_order_paid(self, messages: Sequence[Message]) -> None:
        if failing:
            raise failing.pop()
        told.append(("paid", [message.payload["order_id"] for message in messages]))


PLAY = Cards()
