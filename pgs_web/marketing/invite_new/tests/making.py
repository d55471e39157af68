"""Invitations for tests: a sale in groups of three, one seat for a new member; orders come as the intake lets them."""

from collections import Counter
from typing import Any

from pgs_task.rescue.tests.making import pay_order, place
from pgs_web.display.activity.models import Activity
from pgs_web.marketing.invite_new.models import Join, Round
from pgs_web.marketing.invite_new.services import join_round, notice_openings, start_round
from pgs_web.marketing.invite_new.services.door import key_to_join
from pgs_web.marketing.invite_new.states import CODE
from pgs_web.plays.figures.selectors import read_counted
from pgs_web.plays.figures.services import fold_figures
from pgs_web.plays.models import Campaign
from pgs_web.plays.services import create_campaign
from pgs_web.plays.tests.making import make_helper
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.wishes import Wishes
from pgs_web.trade.stock.tests.making import make_sale

LEADER = 10
BY_PASS = Wishes(by_pass=True)


def figures_of(campaign_id: int) -> Counter[str]:
    """What is counted of it, without what is 0 by now."""
    while fold_figures():
        pass
    return +read_counted(code=CODE, campaign_ids=[campaign_id]).of(campaign_id)


def make_activity(**changes: Any) -> Activity:
    rules = {"stock": 30, "group_size": 3, "new_seats": 1, "play": CODE, "leader_leaves": "close", "member_limit": 3}
    return make_sale(**{**rules, **changes})


def make_rules(*, activity: Activity | None = None, **changes: Any) -> dict[str, Any]:
    rules = {
        "activity_id": (activity or make_activity()).pk,
        "leader_has_paid": False,
        "rounds_a_member": 9,
        "reward_kind": "none",
        "reward_fen": 0,
        "coupon_threshold_fen": 0,
        "coupon_days": 7,
        "envelope_fen": 100_000,
        "joins_a_friend": 1000,
        "joins_a_device": 1000,
        "joins_an_address": 1000,
    }
    return {**rules, **changes}


def make_campaign(**rules: Any) -> Campaign:
    return create_campaign(code=CODE, title="One", rules=make_rules(**rules), author="test", reason="test")


def begin(campaign: Campaign, *, member_id: int = LEADER) -> Round:
    """An invitation from a device of the leader's own."""
    round_id = start_round(member_id=member_id, campaign_id=campaign.pk, device=f"device-of-{member_id}")
    return Round.objects.get(pk=round_id)


def open_group(round_: Round) -> Order:
    """The leader's order; its group is noticed."""
    activity = Activity.objects.get(pk=round_.activity_id)
    order = place(activity, member_id=round_.member_id, wishes=BY_PASS, key=round_.opening_key)
    notice_openings()
    round_.refresh_from_db()
    return order


def make_forming(*, member_id: int = LEADER, **rules: Any) -> tuple[Round, Order]:
    """An invitation with its group, and the leader's unpaid order."""
    round_ = begin(make_campaign(**rules), member_id=member_id)
    return round_, open_group(round_)


def join(round_: Round, member_id: int) -> Join:
    """From a device of the friend's own."""
    return join_round(friend=make_helper(member_id), round_id=round_.pk)[1]


def order_in(round_: Round, member_id: int) -> Order:
    """A friend's order in the group, unpaid."""
    key = key_to_join(join(round_, member_id))
    activity = Activity.objects.get(pk=round_.activity_id)
    return place(activity, member_id=member_id, wishes=BY_PASS, key=key, join=round_.group_id)


def buy_in(round_: Round, member_id: int) -> Order:
    """A friend's order in the group, paid."""
    order = order_in(round_, member_id)
    pay_order(order)
    return order
