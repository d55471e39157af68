"""A paid order whose group comes to nothing: what its shopper wished for decides, and never is it in limbo."""

from datetime import timedelta
from unittest.mock import patch

import pytest

from pgs_data.redis.connections import RedisUnavailable
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.payment.services import process_due_refunds
from pgs_task.reconciliation.tests.making import broken
from pgs_task.rescue.models import Rescue
from pgs_task.rescue.services import advance_rescues, advancing, ending
from pgs_task.rescue.tests.making import LEAD, MOVE, fail, let_end, make_rescues_due, money_of, pay_order, place, settle
from pgs_task.routes import ROUTES
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.services import fail_expired_groups
from pgs_web.trade.group.tests.in_ledger import read_group
from pgs_web.trade.intake.places import take_place
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.services import request_refund
from pgs_web.trade.order.wishes import OnLostSeat, Wishes
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]
REDIS_AWAY = RedisUnavailable[0]


@pytest.fixture
def activity():
    return make_sale(stock=10, group_size=2, member_limit=2)


def states(*orders):
    return [Order.objects.get(pk=order.pk).state for order in orders]


def test_moves_into_the_group_that_needs_the_fewest(activity):
    mine, other = place(activity, member_id=1, wishes=MOVE), place(activity, member_id=251)
    payment = pay_order(mine)
    pay_order(other)
    fail(mine.group_id)
    deliver_all(ROUTES)
    waiting = Order.objects.get(pk=mine.pk)
    assert (waiting.state, waiting.decide_by is not None) == ("AWAITING_GROUP", True)
    settle()
    mine.refresh_from_db()
    assert (mine.group_id, mine.reason, mine.decide_by) == (other.group_id, "moved", None)
    assert states(mine, other) == ["SHIPPED", "SHIPPED"]
    assert money_of(payment) == ("SUCCEEDED", [])
    assert [seat.state for seat in Seat.objects.filter(group_id=waiting.group_id)] == ["RELEASED"]
    assert Group.objects.get(pk=waiting.group_id).state == "SETTLED"
    assert broken() == {}


def test_without_a_group_to_move_to_the_money_goes_back(activity):
    mine = place(activity, member_id=1, wishes=MOVE)
    payment = pay_order(mine)
    fail(mine.group_id)
    settle()
    assert states(mine) == ["REFUNDED"]
    assert money_of(payment) == ("REFUNDED", ["SUCCEEDED"])
    assert broken() == {}


def test_leads_new_groups_and_is_refunded_in_the_end(activity, settings):
    """Two times a new group, which friends join; the third time nobody waits any longer."""
    mine = place(activity, member_id=1, wishes=LEAD)
    payment = pay_order(mine)
    groups = [mine.group_id]
    for _time in range(settings.RESCUES_AN_ORDER):
        fail(groups[-1])
        settle()
        mine.refresh_from_db()
        assert (mine.state, mine.group_id in groups) == ("AWAITING_GROUP", False)
        groups.append(mine.group_id)
        group = Group.objects.get(pk=mine.group_id)
        assert (group.state, group.leader_member_id, group.paid_count) == ("FORMING", 1, 1)
        assert broken() == {}
    friend = place(activity, member_id=251, join=mine.group_id)
    assert read_group(activity.pk, mine.group_id).seats == {1: mine.pk, 251: friend.pk}
    pay_order(friend)
    fail(groups[-1])
    settle()
    assert states(mine, friend) == ["REFUNDED", "REFUNDED"]
    assert money_of(payment) == ("REFUNDED", ["SUCCEEDED"])
    assert {Group.objects.get(pk=group_id).state for group_id in groups} == {"SETTLED"}
    assert broken() == {}


def test_a_seat_that_is_refused_at_payment_is_lost_too(activity, settings):
    """Paid in time, counted too late: the group was over when the payment was told."""
    settings.GROUP_EXPIRY_GRACE_SECONDS = 0
    mine, other = place(activity, member_id=1, wishes=MOVE), place(activity, member_id=251)
    pay_order(mine)
    pay_order(other)
    let_end(activity, mine.group_id, after=timedelta(seconds=-1))
    fail_expired_groups()
    settle()
    assert states(mine, other) == ["SHIPPED", "SHIPPED"]
    assert (
        OrderLog.objects.filter(order_id=mine.pk, from_state="AWAITING_GROUP", to_state="AWAITING_GROUP").count() == 1
    )
    assert broken() == {}


def test_whoever_asks_for_the_money_meanwhile_gets_it(activity):
    """After the ledger gave the seat, before the database says so: the seat is free again for others."""
    mine, other = place(activity, member_id=1, wishes=MOVE), place(activity, member_id=251)
    payment = pay_order(mine)
    fail(mine.group_id)
    deliver_all(ROUTES)
    with patch.object(advancing, "end_rescued", side_effect=REDIS_AWAY):
        advance_rescues()
    assert 1 in read_group(activity.pk, other.group_id).seats
    request_refund(member_id=mine.member_id, order_id=mine.pk)
    settle()
    assert states(mine) == ["REFUNDED"]
    assert money_of(payment) == ("REFUNDED", ["SUCCEEDED"])
    assert Rescue.objects.get(order_id=mine.pk).outcome == "order_moved"
    assert read_group(activity.pk, other.group_id).seats == {251: other.pk}
    assert read_stock(activity.pk).sold == 0
    assert broken() == {}


@pytest.mark.parametrize("wish", [OnLostSeat.MOVE, OnLostSeat.LEAD, OnLostSeat.ALONE])
def test_who_came_by_a_pass_gets_the_money_back(activity, wish):
    """The pass was for this group. The control: without the bit of the pass each of these wishes is a rescue."""
    mine = place(activity, member_id=1, wishes=Wishes(on_lost_seat=wish, by_pass=True))
    other, control = place(activity, member_id=251), place(activity, member_id=2, wishes=Wishes(on_lost_seat=wish))
    payment, _others = pay_order(mine), (pay_order(other), pay_order(control))
    fail(mine.group_id)
    fail(control.group_id)
    deliver_all(ROUTES)
    assert [Rescue.objects.filter(order_id=order.pk).exists() for order in (mine, control)] == [False, True]
    settle()
    assert (states(mine), money_of(payment)) == (["REFUNDED"], ("REFUNDED", ["SUCCEEDED"]))
    assert broken() == {}


def take_then_die(wish):
    take_place(wish)
    raise REDIS_AWAY


@pytest.mark.parametrize(
    "step",
    [
        (advancing, "take_place", {"side_effect": take_then_die}),
        (advancing, "make_wish", {"side_effect": REDIS_AWAY}),
        (ending, "append_message", {"side_effect": REDIS_AWAY}),
    ],
    ids=["after taking", "before", "while booking"],
)
@pytest.mark.parametrize("wishes", [MOVE, LEAD], ids=["move", "lead"])
def test_whoever_dies_between_two_steps_leaves_it_to_the_next(activity, step, wishes):
    mine, other = place(activity, member_id=1, wishes=wishes), place(activity, member_id=251)
    pay_order(mine)
    pay_order(other)
    fail(mine.group_id)
    module, name, how = step
    with patch.object(module, name, **how):
        deliver_all(ROUTES)
        advance_rescues()
    assert Order.objects.get(pk=mine.pk).group_id == mine.group_id
    settle()
    assert Order.objects.get(pk=mine.pk).group_id != mine.group_id
    assert states(mine, other) == (["SHIPPED", "SHIPPED"] if wishes is MOVE else ["AWAITING_GROUP", "AWAITING_GROUP"])
    assert broken() == {}


def test_no_decision_in_time_is_a_refund(activity):
    mine = place(activity, member_id=1, wishes=LEAD)
    payment = pay_order(mine)
    fail(mine.group_id)
    with patch.object(advancing, "take_place", side_effect=REDIS_AWAY):
        deliver_all(ROUTES)
        advance_rescues()
        make_rescues_due(overdue=True)
        advance_rescues()
    deliver_all(ROUTES)
    process_due_refunds()
    assert money_of(payment) == ("REFUNDED", ["SUCCEEDED"])
    settle()
    assert broken() == {}
