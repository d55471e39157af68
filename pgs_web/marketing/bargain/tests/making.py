"""Bargains for tests: a sale at 3990 fen alone, which ten cuts bring down to 2990."""

from typing import Any

from pgs_web.display.activity.models import Activity
from pgs_web.marketing.bargain.models import Cutting, Round
from pgs_web.marketing.bargain.services import help_round, start_round
from pgs_web.marketing.bargain.states import CODE
from pgs_web.plays.models import Campaign
from pgs_web.plays.services import create_campaign
from pgs_web.plays.tests.making import make_helper
from pgs_web.trade.stock.tests.making import make_sale

GAP_FEN = 1000


def make_rules(**changes: Any) -> dict[str, Any]:
    """Rules of a sale of its own, unless `activity_id` names one."""
    if "activity_id" not in changes:
        changes["activity_id"] = make_sale().pk
    price_fen = activity_price(changes["activity_id"])
    rules = {
        "floor_price_fen": price_fen - GAP_FEN,
        "cuts": 10,
        "min_cut_fen": 3,
        "new_member_cuts": 3,
        "helps_a_helper": 1000,
        "helps_a_device": 1000,
        "helps_an_address": 1000,
        "minutes": 60,
        "pay_minutes": 30,
        "rounds_a_member": 2,
        "may_buy_early": False,
    }
    return {**rules, **changes}


def activity_price(activity_id: int) -> int:
    return Activity.objects.get(pk=activity_id).alone_price_fen


def make_campaign(**rules: Any) -> Campaign:
    return create_campaign(code=CODE, title="One", rules=make_rules(**rules), author="test", reason="test")


def make_round(*, member_id: int = 10, **rules: Any) -> Round:
    return begin(make_campaign(**rules), member_id=member_id)


def begin(campaign: Campaign, *, member_id: int = 10) -> Round:
    """A bargain from a device of the member's own."""
    round_id = start_round(member_id=member_id, campaign_id=campaign.pk, device=f"device-of-{member_id}")
    return Round.objects.get(pk=round_id)


def assist(round_: Round, helper_id: int) -> Cutting:
    """A help from a device of the helper's own."""
    return help_round(helper=make_helper(helper_id), round_id=round_.pk)
