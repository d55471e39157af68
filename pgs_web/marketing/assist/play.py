"""Assist group (助力团): the one object that the registry takes."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from pgs_web.marketing.assist.cards import describe_card
from pgs_web.marketing.assist.checks import (
    find_overdue_rounds,
    find_wrong_helps,
    find_wrong_rewards,
    find_wrong_rights,
    find_wrong_starts,
    find_wrong_units,
)
from pgs_web.marketing.assist.figures import OWN_FIGURES, preview_rules, read_figures
from pgs_web.marketing.assist.forms import Rules, judge_change
from pgs_web.marketing.assist.messages import RETURN_UNIT, REWARD
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.selectors import describe_helps
from pgs_web.marketing.assist.services import (
    campaigns_of_rewards,
    end_overdue_rounds,
    issue_rewards,
    return_units,
    settle_due_rounds,
    settle_orders,
)
from pgs_web.marketing.assist.states import CODE, RoundState
from pgs_web.marketing.assist.story import AssistStory
from pgs_web.plays.cards import Card
from pgs_web.plays.contract import Play, PlayCheck, PlayJob
from pgs_web.plays.purchases.models import RewardPurchase
from pgs_web.plays.purchases.services import count_purchases, return_purchases
from pgs_web.plays.rounds import campaigns_of_rounds, get_round
from pgs_web.plays.shares import read_share_code
from pgs_web.plays.telling import Figure, PreviewLine

if TYPE_CHECKING:
    from pgs_data.messaging.relay import Message

CAMPAIGNS_OF = partial(campaigns_of_rounds, Round)


class Assist(Play):
    code = CODE
    title = _("Assist group")
    summary = _("Friends help, and you buy one of the reserved units at the assist price.")
    issues_passes = True
    urls = "pgs_web.marketing.assist.urls"
    jobs = (
        PlayJob(name="end_rounds", run=end_overdue_rounds, every_seconds=5),
        PlayJob(name="settle_rounds", run=settle_due_rounds, every_seconds=10, lease_seconds=60),
    )
    handlers = {REWARD: issue_rewards, RETURN_UNIT: return_units}
    checks = (
        PlayCheck(
            name="helps",
            promise=_("an assist group counts the helps that there are, and is complete with all of them only"),
            find_offenders=find_wrong_helps,
        ),
        PlayCheck(
            name="units",
            promise=_(
                "never more units of an activity are taken than there are, each by a group that has a right to it"
            ),
            find_offenders=find_wrong_units,
        ),
        PlayCheck(
            name="rights",
            promise=_("who completed an assist group has one coupon of its price, nobody else has"),
            find_offenders=find_wrong_rights,
        ),
        PlayCheck(
            name="rewards",
            promise=_("each help brings its coupon once, and nothing else does"),
            find_offenders=find_wrong_rewards,
        ),
        PlayCheck(
            name="starts",
            promise=_("no assist group was started uncounted: helpers' coupons stay within the envelope"),
            find_offenders=find_wrong_starts,
        ),
        PlayCheck(
            name="overdue",
            promise=_("no assist group runs past its end, no reserved unit is forgotten"),
            find_offenders=find_overdue_rounds,
            is_always=True,
        ),
    )
    rule_form = Rules
    endings = {
        RoundState.SUCCEEDED: _("all have helped"),
        RoundState.EXPIRED: _("time over"),
        RoundState.GIVEN_UP: _("given up"),
    }
    own_figures = OWN_FIGURES
    story = AssistStory()

    def entrance(self) -> str:
        """Which assist groups there are."""
        return "campaigns/"

    def judge_change(self, *, before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, str | Promise]:
        """What a campaign may cost stays true over all versions of its rules."""
        return judge_change(before=before, after=after)

    def preview(self, rules: Mapping[str, Any]) -> Sequence[PreviewLine]:
        """Price, helpers, units, coupons, cost."""
        return preview_rules(rules)

    def read_figures(self, campaign_ids: Sequence[int]) -> Mapping[int, Sequence[Figure]]:
        """Units and groups of what there may be."""
        return read_figures(campaign_ids)

    def read_shared(self, share_code: str) -> Card:
        """The group with its helpers."""
        round_ = get_round(Round, round_id=read_share_code(CODE, share_code))
        return describe_card(round_, helps=describe_helps(round_))

    def on_order_paid(self, messages: "Sequence[Message]") -> None:
        """Reserved units are bought, and counted; so is what helpers buy with their coupons."""
        settle_orders(messages)
        count_purchases(messages, code=CODE, campaigns_of=CAMPAIGNS_OF)
        count_purchases(messages, code=CODE, campaigns_of=campaigns_of_rewards, kept=RewardPurchase)

    def on_order_cancelled(self, messages: "Sequence[Message]") -> None:
        """Reserved units may be ordered again, or go back."""
        settle_orders(messages)

    def on_order_refunded(self, messages: "Sequence[Message]") -> None:
        """Reserved units may be ordered again, or go back; they are counted no longer."""
        settle_orders(messages)
        return_purchases(messages, code=CODE, campaigns_of=CAMPAIGNS_OF)
        return_purchases(messages, code=CODE, campaigns_of=campaigns_of_rewards, kept=RewardPurchase)


PLAY = Assist()
