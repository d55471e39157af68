"""Assist groups for tests: a sale at 1000 fen, of which three helps make 100."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from pgs_data.clock import database_now
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_within
from pgs_task.handlers.acknowledging import acknowledge
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.play_messages.services import routes_of_play
from pgs_web.display.activity.models import Activity
from pgs_web.marketing.assist.models import Round, UnitCount
from pgs_web.marketing.assist.play import PLAY
from pgs_web.marketing.assist.services import buy_round, help_round, start_round
from pgs_web.marketing.assist.states import CODE
from pgs_web.plays.contract import HOOKS
from pgs_web.plays.models import Campaign
from pgs_web.plays.services import create_campaign
from pgs_web.plays.tests.making import make_helper
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import use_coupons
from pgs_web.trade.order.tests.making import make_order
from pgs_web.trade.order.wishes import BY_PASS_BIT
from pgs_web.trade.stock.keys import bought_key
from pgs_web.trade.stock.tests.making import make_sale

PRICE_FEN = 100


def make_assist_sale(**rules: Any) -> Activity:
    return make_sale(**{"play": CODE, "stock": 100, "alone_price_fen": 1000, **rules})


def make_rules(**changes: Any) -> dict[str, Any]:
    """Rules of a sale of its own, unless `activity_id` names one."""
    if "activity_id" not in changes:
        changes["activity_id"] = make_assist_sale().pk
    rules = {
        "needed": 3,
        "price_fen": PRICE_FEN,
        "is_freight": False,
        "units": 5,
        "returns_units": True,
        "rounds": 1000,
        "reward_fen": 20,
        "reward_threshold_fen": 500,
        "reward_days": 7,
        "envelope_fen": 5 * 900 + 1000 * 3 * 20,
        "helps_a_helper": 1000,
        "helps_a_device": 1000,
        "helps_an_address": 10_000,
        "minutes": 20,
        "pay_minutes": 30,
        "rounds_a_member": 2,
    }
    return {**rules, **changes}


def make_campaign(**rules: Any) -> Campaign:
    return create_campaign(code=CODE, title="One", rules=make_rules(**rules), author="test", reason="test")


def begin(campaign: Campaign, *, member_id: int = 10) -> Round:
    """A group from a device of the member's own."""
    round_id = start_round(member_id=member_id, campaign_id=campaign.pk, device=f"device-of-{member_id}")
    return Round.objects.get(pk=round_id)


def make_round(*, member_id: int = 10, **rules: Any) -> Round:
    return begin(make_campaign(**rules), member_id=member_id)


def assist(round_: Round, *helper_ids: int) -> Round:
    """Helps from devices of the helpers' own; the group afterwards."""
    for helper_id in helper_ids:
        help_round(helper=make_helper(helper_id), round_id=round_.pk)
    return Round.objects.get(pk=round_.pk)


def deliver() -> None:
    """Everything in the outboxes to the game, which hears of orders too; the shop's own part is left out."""
    routes: Any = defaultdict(lambda: acknowledge, routes_of_play(PLAY))
    routes.update({topic: getattr(PLAY, hook) for hook, topic in HOOKS.items() if PLAY.overrides(hook)})
    deliver_all(routes)


def order_unit(round_: Round, *, with_coupon: bool = True) -> Order:
    """The unit is ordered, at the assist price."""
    key = buy_round(member_id=round_.member_id, round_id=round_.pk).idempotency_key
    order = make_order(member_id=round_.member_id, activity_id=round_.activity_id, unit_price_fen=1000, key=key)
    Order.objects.filter(pk=order.pk).update(wishes=BY_PASS_BIT)
    if with_coupon:
        use_coupons(member_id=round_.member_id, order_id=order.pk, coupon_ids=[round_.coupon_id or 0])
    return order


def let_time_to_buy_end(round_: Round) -> None:
    """It is over for long enough to be settled."""
    now = database_now(round_._state.db or "default")
    Round.objects.filter(pk=round_.pk).update(
        buy_by=now - timedelta(seconds=61), look_at=now - timedelta(milliseconds=1)
    )
    Coupon.objects.filter(pk=round_.coupon_id).update(expires_at=now - timedelta(seconds=61))


def hold_units(round_: Round, units: int) -> None:
    """So many units of the activity are locked for the group's member, or sold to them, as the ledger has it."""
    partition = partition_within(round_.activity_id, round_.member_id)
    ledger(partition).hset(bought_key(round_.activity_id, partition), str(round_.member_id), str(units))


def units_taken(activity_id: int) -> int:
    return UnitCount.objects.get(pk=activity_id).taken
