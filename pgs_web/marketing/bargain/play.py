"""Bargain (砍价团): the one object that the registry takes."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _

from pgs_data.messaging.relay import Message
from pgs_web.marketing.bargain.cards import describe_card
from pgs_web.marketing.bargain.checks import find_overdue_rounds, find_wrong_cuts, find_wrong_prices
from pgs_web.marketing.bargain.forms import Rules
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.previews import preview_rules
from pgs_web.marketing.bargain.selectors import describe_helps
from pgs_web.marketing.bargain.services import end_overdue_rounds
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.marketing.bargain.story import BargainStory
from pgs_web.plays.cards import Card
from pgs_web.plays.contract import Play, PlayCheck, PlayJob
from pgs_web.plays.purchases.services import count_purchases, return_purchases
from pgs_web.plays.rounds import campaigns_of_rounds, get_round
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.telling import PreviewLine

CAMPAIGNS_OF = partial(campaigns_of_rounds, Round)


class Bargain(Play):
    code = CODE
    title = _("Bargain")
    summary = _("Friends cut the price; every cut is fixed before the first one, and can be verified.")
    urls = "pgs_web.marketing.bargain.urls"
    jobs = (PlayJob(name="end_rounds", run=end_overdue_rounds, every_seconds=5),)
    checks = (
        PlayCheck(
            name="cuts",
            promise=_("a bargain's cuts are those that were committed at its start, each made once"),
            find_offenders=find_wrong_cuts,
        ),
        PlayCheck(
            name="prices",
            promise=_("who reached a price has one coupon of what was cut, nobody else has"),
            find_offenders=find_wrong_prices,
        ),
        PlayCheck(
            name="overdue",
            promise=_("no bargain runs past its end"),
            find_offenders=find_overdue_rounds,
            is_always=True,
        ),
    )
    rule_form = Rules
    story = BargainStory()
    endings = {
        RoundState.REACHED: _("price reached"),
        RoundState.EXPIRED: _("time over"),
        RoundState.GIVEN_UP: _("given up"),
    }

    def entrance(self) -> str:
        """Which bargains there are."""
        return "campaigns/"

    def read_shared(self, share_code: str) -> Card:
        """The bargain with its helpers."""
        round_ = get_round(Round, round_id=read_share_code(CODE, share_code))
        return describe_card(round_, helps=describe_helps(round_))

    def preview(self, rules: Mapping[str, Any]) -> Sequence[PreviewLine]:
        """Prices, helpers, an example of the cuts, times."""
        return preview_rules(rules)

    def on_order_paid(self, messages: Sequence[Message]) -> None:
        """Orders at a price that was reached are counted."""
        count_purchases(messages, code=CODE, campaigns_of=CAMPAIGNS_OF)

    def on_order_refunded(self, messages: Sequence[Message]) -> None:
        """They are counted no longer."""
        return_purchases(messages, code=CODE, campaigns_of=CAMPAIGNS_OF)


PLAY = Bargain()
