"""A unit is taken once, by who succeeded, and comes back when it isn't bought, whoever dies in between."""

from datetime import timedelta
from unittest.mock import patch

import msgspec
import pytest

from pgs_data.clock import database_now
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.sharding.slots import alias_of_id
from pgs_task.handlers.tests.making import waiting_messages
from pgs_web.api.errors import NotFound
from pgs_web.display.activity.models import Activity
from pgs_web.marketing.assist.errors import RoundOver, SoldOut
from pgs_web.marketing.assist.models import Round, UnitClaim
from pgs_web.marketing.assist.services import (
    buy_round,
    end_overdue_rounds,
    give_up,
    helping,
    issue_rewards,
    rewarding,
    settle_due_rounds,
    settling,
)
from pgs_web.marketing.assist.services.units import claim_unit, return_units
from pgs_web.marketing.assist.states import CODE
from pgs_web.marketing.assist.tests.making import (
    assist,
    begin,
    deliver,
    hold_units,
    let_time_to_buy_end,
    make_campaign,
    make_round,
    order_unit,
    units_taken,
)
from pgs_web.marketing.assist.tests.test_rounds import offences, rewards_of
from pgs_web.plays.tests.making import let_end, make_helpers
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.intake.errors import PassNotValid
from pgs_web.trade.intake.passes import judge_entry
from pgs_web.trade.intake.services import OrderRequest
from pgs_web.trade.intake.tests.making import accept_alone, claim_alone, reject
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.services import cancel_order, finish_refund, mark_paid, revive_order, start_refund
from pgs_web.trade.order.states import CancelReason, RefundReason
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__")
REDIS_AWAY = RedisUnavailable[0]


class Died(BaseException):
    """The process ends here."""


def succeed(**rules) -> Round:
    return assist(make_round(needed=1, **rules), *make_helpers(1))


def now_of(round_: Round):
    return database_now(alias_of_id(round_.pk))


def settle(round_: Round) -> Round:
    """By messages, then by the clock."""
    deliver()
    settle_due_rounds()
    deliver()
    return Round.objects.get(pk=round_.pk)


def cancel(order: Order) -> None:
    cancel_order(order_id=order.pk, reason=CancelReason.UNPAID, actor="test")


def test_a_unit_that_nobody_buys_comes_back():
    round_ = succeed()
    settle_due_rounds()
    assert (round_.state, units_taken(round_.activity_id)) == ("SUCCEEDED", 1)
    let_time_to_buy_end(round_)
    round_ = settle(round_)
    assert (round_.state, round_.entitled_to, units_taken(round_.activity_id)) == ("LAPSED", None, 0)
    assert Coupon.objects.get(pk=round_.coupon_id).state == "WITHDRAWN"
    assert settle(round_).state == "LAPSED"
    assert units_taken(round_.activity_id) == 0
    # Its member may try again.
    again = assist(begin(make_campaign(activity_id=round_.activity_id, needed=1)), *make_helpers(1))
    assert (again.state, units_taken(round_.activity_id)) == ("SUCCEEDED", 1)
    deliver()
    assert offences() == []


def test_by_rule_it_does_not():
    round_ = succeed(returns_units=False)
    let_time_to_buy_end(round_)
    assert settle(round_).state == "LAPSED"
    assert units_taken(round_.activity_id) == 1
    assert offences() == []


@pytest.mark.parametrize("with_coupon", [True, False])
def test_a_unit_that_is_bought_stays_taken(with_coupon):
    round_ = succeed()
    order = order_unit(round_, with_coupon=with_coupon)
    mark_paid(order_id=order.pk, paid_at=now_of(round_))
    round_ = settle(round_)
    assert (round_.state, round_.order_id, round_.look_at) == ("BOUGHT", order.pk, None)
    let_time_to_buy_end(round_)
    assert settle(round_).state == "BOUGHT"
    assert units_taken(round_.activity_id) == 1
    assert offences() == []


def test_an_order_that_is_cancelled_in_time_can_be_placed_again():
    round_ = succeed()
    cancel(order_unit(round_))
    round_ = settle(round_)
    assert (round_.state, units_taken(round_.activity_id)) == ("SUCCEEDED", 1)
    order = order_unit(round_)
    mark_paid(order_id=order.pk, paid_at=now_of(round_))
    assert settle(round_).state == "BOUGHT"
    start_refund(order_id=order.pk, reason=RefundReason.BY_OPERATOR, actor="test")
    finish_refund(order_id=order.pk)
    assert settle(round_).state == "SUCCEEDED"
    let_time_to_buy_end(round_)
    assert settle(round_).state == "LAPSED"
    assert units_taken(round_.activity_id) == 0
    assert offences() == []


def test_an_order_that_is_waiting_for_its_payment_keeps_the_unit():
    round_ = succeed()
    order = order_unit(round_)
    let_time_to_buy_end(round_)
    round_ = settle(round_)
    assert round_.state == "SUCCEEDED"
    # Looked at again when it has been paid, or wasn't.
    assert round_.look_at is not None
    assert round_.look_at > order.pay_by
    cancel(order)
    hold_units(round_, 1)
    # Cancelled, and its unit isn't on sale again yet.
    assert settle(round_).state == "SUCCEEDED"
    hold_units(round_, 0)
    Round.objects.filter(pk=round_.pk).update(look_at=now_of(round_) - timedelta(seconds=1))
    assert settle(round_).state == "LAPSED"
    # A payment that comes now finds the unit given away, and is paid back.
    assert revive_order(order_id=order.pk, paid_at=now_of(round_), group_id=None) is None
    assert (units_taken(round_.activity_id), offences()) == (0, [])


def test_an_order_that_is_not_written_down_yet_keeps_the_unit():
    round_ = succeed()
    hold_units(round_, 1)
    let_time_to_buy_end(round_)
    assert settle(round_).state == "SUCCEEDED"
    assert units_taken(round_.activity_id) == 1


@pytest.mark.parametrize("problem", [REDIS_AWAY("away"), ValueError("odd")], ids=["outage", "bug"])
def test_a_group_that_cannot_be_judged_is_in_no_ones_way(problem):
    stuck, other = succeed(), succeed()
    for round_ in (stuck, other):
        let_time_to_buy_end(round_)
    Round.objects.filter(pk=stuck.pk).update(look_at=now_of(stuck) - timedelta(seconds=5))

    def read_one(activity_id: int, *, member_id: int) -> int:
        if activity_id == stuck.activity_id:
            raise problem
        return 0

    with patch.object(settling, "read_bought", read_one):
        if isinstance(problem, ValueError):
            assert settle_due_rounds() == 1
        else:
            with pytest.raises(REDIS_AWAY):
                settle_due_rounds()
    assert [Round.objects.get(pk=one.pk).state for one in (stuck, other)] == ["SUCCEEDED", "LAPSED"]
    assert settle_due_rounds() == 1
    assert Round.objects.get(pk=stuck.pk).state == "LAPSED"


def test_a_late_payment_before_the_right_was_settled_is_a_purchase():
    round_ = succeed()
    order = order_unit(round_)
    cancel(order)
    let_time_to_buy_end(round_)
    assert revive_order(order_id=order.pk, paid_at=now_of(round_), group_id=None) is not None
    assert settle(round_).state == "BOUGHT"
    assert offences() == []


def die_behind_the_claim(round_: Round, helper_id: int) -> None:
    def claim_and_die(locked: Round) -> None:
        claim_unit(locked)
        raise Died

    with patch.object(helping, "claim_unit", claim_and_die), pytest.raises(Died):
        assist(round_, helper_id)


def test_dying_behind_the_claim_leaves_the_unit_to_the_group():
    helpers, campaign = make_helpers(3), make_campaign(units=1, needed=1)
    round_, other = begin(campaign), begin(campaign, member_id=260)
    die_behind_the_claim(round_, helpers[0])
    round_.refresh_from_db()
    assert (round_.state, round_.help_count, units_taken(round_.activity_id)) == ("RUNNING", 0, 1)
    with pytest.raises(SoldOut):
        assist(other, helpers[1])
    assert offences() == []
    assert assist(round_, helpers[2]).state == "SUCCEEDED"
    assert units_taken(round_.activity_id) == 1
    deliver()
    assert offences() == []


@pytest.mark.parametrize("is_given_up", [True, False])
def test_dying_behind_the_claim_of_a_group_that_ends_gives_the_unit_back(is_given_up):
    helpers, campaign = make_helpers(2), make_campaign(units=1, needed=1)
    round_, other = begin(campaign), begin(campaign, member_id=260)
    die_behind_the_claim(round_, helpers[0])
    if is_given_up:
        give_up(member_id=10, round_id=round_.pk)
    else:
        let_end(round_)
        assert end_overdue_rounds() == 1
    assert units_taken(round_.activity_id) == 1
    deliver()
    assert units_taken(round_.activity_id) == 0
    assert assist(other, helpers[1]).state == "SUCCEEDED"
    deliver()
    assert offences() == []


def test_who_claims_for_a_group_that_is_over_gets_nothing():
    round_ = make_round(needed=1)
    stale = Round.objects.get(pk=round_.pk)
    give_up(member_id=10, round_id=round_.pk)
    deliver()
    with pytest.raises(RoundOver):
        claim_unit(stale)
    assert UnitClaim.objects.get(pk=round_.pk).returned_at is not None


def test_units_that_are_given_back_twice_come_back_once():
    round_ = succeed()
    other = assist(begin(make_campaign(activity_id=round_.activity_id, needed=1), member_id=260), *make_helpers(1))
    let_time_to_buy_end(round_)
    settle_due_rounds()
    told = [message for message in waiting_messages() if message.topic == "play.assist.return_unit"]
    for _ in range(3):
        return_units(told * 2)
    assert (units_taken(round_.activity_id), other.state) == (1, "SUCCEEDED")


def test_a_help_that_is_told_twice_brings_one_coupon():
    helpers = make_helpers(3)
    round_ = assist(make_round(), *helpers)
    told = [message for message in waiting_messages() if message.topic == "play.assist.reward"]
    assert len(told) == 3
    for _ in range(2):
        issue_rewards(told * 2)
    assert [len(rewards_of(helper)) for helper in helpers] == [1, 1, 1]
    deliver()
    assert offences() == []
    # The negative control: what isn't issued for its help is seen.
    with patch.object(rewarding, "reference_of", lambda round_id: f"help:{round_id + 1}"):
        issue_rewards(told)
    assert len(offences()) == 3
    Coupon.objects.filter(pk=min(one.pk for one in rewards_of(helpers[0]))).delete()
    assert any(f"round {round_.pk}: helper {helpers[0]} has 0 fen" in offender for offender in offences())


def test_helps_of_one_member_in_two_groups_bring_two_coupons_at_once():
    (helper,) = make_helpers(1)
    campaign = make_campaign()
    rounds = [begin(campaign, member_id=10), begin(campaign, member_id=20)]
    for round_ in rounds:
        assist(round_, helper)
    deliver()
    assert sorted(one.issue_reference for one in rewards_of(helper)) == sorted(f"help:{round_.pk}" for round_ in rounds)
    assert offences() == []


def test_without_a_reward_nothing_is_told():
    assist(make_round(reward_fen=0, reward_threshold_fen=0), *make_helpers(1))
    assert waiting_messages() == []


def test_a_pass_is_for_one_order_at_a_time_and_ends_with_the_time_to_buy():
    round_ = succeed()
    first, again = (buy_round(member_id=10, round_id=round_.pk) for _ in range(2))
    assert (first.entry_pass, first.idempotency_key) == (again.entry_pass, again.idempotency_key)
    ask = OrderRequest(
        member_id=10,
        activity_id=round_.activity_id,
        quantity=1,
        address_id=1,
        group_id=None,
        mode=OrderMode.ALONE,
        idempotency_key=first.idempotency_key,
        entry_pass=first.entry_pass,
    )
    assert judge_entry(ask, play=CODE) is None
    for changes in (
        {"quantity": 2},
        {"member_id": 20},
        {"activity_id": 7},
        {"mode": OrderMode.GROUP},
        {"idempotency_key": "another"},
    ):
        assert judge_entry(msgspec.structs.replace(ask, **changes), play=CODE) is PassNotValid, changes
    # While its order stands, waits for its money or has just been undone, it is the same one; then the next.
    order = order_unit(round_)
    assert buy_round(member_id=10, round_id=round_.pk).idempotency_key == first.idempotency_key
    cancel(order)
    assert buy_round(member_id=10, round_id=round_.pk).idempotency_key != first.idempotency_key
    with pytest.raises(NotFound):
        buy_round(member_id=11, round_id=round_.pk)
    Round.objects.filter(pk=round_.pk).update(buy_by=now_of(round_))
    with pytest.raises(RoundOver):
        buy_round(member_id=10, round_id=round_.pk)


def test_an_order_that_no_database_takes_leaves_its_buyer_another_key():
    """It never becomes a row, and for two days its key brings nothing but its rejection."""
    round_ = succeed()
    activity = Activity.objects.get(pk=round_.activity_id)

    def ask() -> str:
        return buy_round(member_id=10, round_id=round_.pk).idempotency_key

    first = ask()
    order_id = accept_alone(activity, member_id=10, key=first)
    assert ask() == first, "on its way"
    reject(activity, order_id)
    second = ask()
    assert second != first
    order_id = accept_alone(activity, member_id=10, key=second)
    assert ask() == second
    # The second one is written down, and undone: the third key is neither's.
    cancel(make_order(member_id=10, activity_id=activity.pk, order_id=order_id, key=second))
    third = ask()
    assert third not in {first, second}
    # Refused for its address: the key is bound to that address.
    claim_alone(activity, member_id=10, key=third)
    assert ask() not in {first, second, third}


def test_orders_without_a_pass_are_none_of_the_games():
    round_ = succeed()
    order = make_order(member_id=10, activity_id=round_.activity_id + 1)
    mark_paid(order_id=order.pk, paid_at=now_of(round_))
    with patch.object(settling, "settle_round") as settled:
        deliver()
    assert settled.call_count == 0
