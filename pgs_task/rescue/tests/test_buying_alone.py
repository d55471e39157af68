"""Who lost the seat and wished to buy alone pays the surcharge and gets the goods, or gets all of the money back."""

from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from rest_framework.test import APIClient

from pgs_data.clock import database_now
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.sharding.slots import alias_of_id
from pgs_task.handlers.tests.making import deliver_all, waiting_messages
from pgs_task.payment.errors import PayByPassed
from pgs_task.payment.services import results
from pgs_task.payment.tests.making import start
from pgs_task.reconciliation.tests.making import broken
from pgs_task.rescue.services import advance_rescues, advancing, buying_alone, end_overdue_surcharges
from pgs_task.rescue.tests.making import (
    ALONE,
    fail,
    let_end,
    make_rescues_due,
    pay_order,
    place,
    rescue_of,
    settle,
)
from pgs_task.rescue.tests.surcharges import (
    ALONE_FEN,
    EACH_FEN,
    PRICE_FEN,
    arrive,
    lose_group,
    make_asked,
    make_offer,
    pay_surcharge,
    payments_of,
    refunds_of_order,
    surcharge_said,
    take_surcharge,
)
from pgs_task.routes import ROUTES
from pgs_web.display.activity.models import Activity
from pgs_web.member.tokens import issue_access_token
from pgs_web.trade.coupon.tests.making import issue
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.services import fail_expired_groups
from pgs_web.trade.order.errors import WrongState
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.services import request_refund, use_coupons
from pgs_web.trade.stock.sales import withdraw_sale
from pgs_web.trade.stock.selectors import read_stock

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]
REDIS_AWAY = RedisUnavailable[0]


@pytest.fixture
def activity():
    return make_offer()


def sold(activity):
    stock = read_stock(activity.pk)
    assert stock.is_consistent
    return stock.remain, stock.lock, stock.sold


def test_the_surcharge_is_paid_and_the_order_ships_alone(activity):
    order = make_asked(activity, quantity=2)
    lost_group_id = order.group_id
    assert (order.state, surcharge_said(order)) == ("AWAITING_GROUP", (2 * EACH_FEN, "waiting"))
    # An hour's wait is no offence: nobody is in limbo before the deadline.
    settle()
    assert broken() == {}
    shopper = APIClient(headers={"Authorization": f"Bearer {issue_access_token(member_id=order.member_id)}"})
    page = f"/api/v1/orders/{order.pk}/"
    asked = shopper.get(page).json()
    assert (asked["on_lost_seat"], asked["surcharge"]["state"]) == ("alone", "waiting")
    assert datetime.fromisoformat(asked["surcharge"]["pay_before"]) == order.decide_by
    assert (asked["payment"]["state"], asked["surcharge_payment"]) == ("SUCCEEDED", None)
    payment = pay_surcharge(order)
    assert (payment.amount_fen, payment.purpose, payment.expires_at) == (2 * EACH_FEN, "surcharge", order.decide_by)
    settle()
    order.refresh_from_db()
    assert (order.state, order.reason, order.mode, order.group_id) == ("SHIPPED", "alone", OrderMode.ALONE, None)
    assert (order.unit_price_fen, order.amount_fen, order.decide_by) == (ALONE_FEN, 2 * ALONE_FEN, None)
    said = shopper.get(page).json()
    assert said["surcharge"] == {"amount_fen": 2 * EACH_FEN, "pay_before": None, "state": "paid"}
    assert (said["payment"]["amount_fen"], said["surcharge_payment"]["amount_fen"]) == (2 * PRICE_FEN, 2 * EACH_FEN)
    assert payments_of(order) == {"order": ["SUCCEEDED"], "surcharge": ["SUCCEEDED"]}
    assert (rescue_of(order).state, rescue_of(order).outcome) == ("DONE", "alone")
    assert Group.objects.get(pk=lost_group_id).state == "SETTLED"
    assert [seat.state for seat in Seat.objects.filter(group_id=lost_group_id)] == ["RELEASED"]
    assert sold(activity) == (8, 0, 2)
    with pytest.raises(WrongState):
        start(order)
    assert broken() == {}


def test_a_coupon_stays_with_the_order_that_is_bought_alone(activity):
    """Also one that is for groups: it was used in one. Where nothing is bought it comes back with the money."""

    def make_asked_with_coupon(member_id):
        coupon = issue(member_id=member_id, mode="group")
        order = place(activity, member_id=member_id, wishes=ALONE, quantity=2)
        use_coupons(member_id=member_id, order_id=order.pk, coupon_ids=[coupon.pk])
        pay_order(order)
        lose_group(order)
        assert surcharge_said(order) == (2 * EACH_FEN, "waiting")
        return coupon, order

    (kept, bought), (back, lapsed) = make_asked_with_coupon(1), make_asked_with_coupon(2)
    pay_surcharge(bought)
    make_rescues_due(overdue=True)
    settle()
    for row in (kept, bought, back, lapsed):
        row.refresh_from_db()
    assert (bought.state, kept.state, lapsed.state, back.state) == ("SHIPPED", "USED", "REFUNDED", "ISSUED")
    assert (bought.amount_fen, bought.discount_fen) == (2 * ALONE_FEN - 100, 100)
    assert refunds_of_order(bought) == []
    assert [amount for _number, amount, _state in refunds_of_order(lapsed)] == [2 * PRICE_FEN - 100]
    assert broken() == {}


def test_unpaid_in_time_all_goes_back(activity):
    order = make_asked(activity)
    open_payment = start(order)
    make_rescues_due(overdue=True)
    with pytest.raises(PayByPassed):
        start(order)
    settle()
    assert Order.objects.get(pk=order.pk).state == "REFUNDED"
    assert surcharge_said(order) == (EACH_FEN, "lapsed")
    assert payments_of(order) == {"order": ["REFUNDED"], "surcharge": ["CLOSED"]}
    assert [(amount, state) for _number, amount, state in refunds_of_order(order)] == [(PRICE_FEN, "SUCCEEDED")]
    assert (rescue_of(order).state, rescue_of(order).outcome) == ("REFUSED", "unpaid")
    assert sold(activity) == (10, 0, 0)
    assert open_payment.order_id == order.pk
    assert broken() == {}


def test_paid_at_the_gateway_before_the_deadline_counts_though_its_notice_is_lost(activity):
    order = make_asked(activity)
    take_surcharge(order)
    make_rescues_due(overdue=True)
    settle()
    assert Order.objects.get(pk=order.pk).state == "SHIPPED"
    assert rescue_of(order).state == "DONE"
    assert broken() == {}


def test_only_the_databases_clock_decides(activity, settings):
    settings.SURCHARGE_WITHIN_SECONDS = 900
    order = make_asked(activity)
    now = database_now(alias_of_id(order.pk))
    assert timedelta(seconds=890) < order.decide_by - now <= timedelta(seconds=900)
    # Looked at too early, by a worker whose clock is ahead: nothing happens.
    buying_alone.advance_alone(rescue_of(order), order)
    assert (rescue_of(order).state, surcharge_said(order)) == ("ASKING", (EACH_FEN, "waiting"))


def test_who_is_told_late_that_the_seat_was_not_counted_is_asked_too(activity, settings):
    """Paid in time, counted when the group was over."""
    settings.GROUP_EXPIRY_GRACE_SECONDS = 0
    order = place(activity, member_id=1, wishes=ALONE)
    pay_order(order)
    let_end(activity, order.group_id, after=timedelta(seconds=-1))
    fail_expired_groups()
    settle()
    assert surcharge_said(order) == (EACH_FEN, "waiting")
    assert broken() == {}
    pay_surcharge(Order.objects.get(pk=order.pk))
    settle()
    assert Order.objects.get(pk=order.pk).state == "SHIPPED"
    assert broken() == {}


def test_where_it_costs_nothing_more_it_ships_at_once():
    activity = make_offer(alone_price_fen=PRICE_FEN)
    order = make_asked(activity)
    settle()
    order.refresh_from_db()
    assert (order.state, order.mode, order.amount_fen) == ("SHIPPED", OrderMode.ALONE, PRICE_FEN)
    assert payments_of(order) == {"order": ["SUCCEEDED"]}
    assert (rescue_of(order).state, surcharge_said(order)) == ("DONE", None)
    assert broken() == {}


def test_a_withdrawn_offer_is_not_sold_alone_either(activity):
    order = place(activity, member_id=1, wishes=ALONE)
    pay_order(order)
    fail(order.group_id)
    deliver_all(ROUTES)
    withdraw_sale(activity_id=activity.pk, actor="test", reason="recall")
    settle()
    assert Order.objects.get(pk=order.pk).state == "REFUNDED"
    assert (rescue_of(order).outcome, surcharge_said(order)) == ("withdrawn", None)


def test_the_price_is_todays_and_never_less_than_was_paid(activity):
    order = place(activity, member_id=1, wishes=ALONE)
    pay_order(order)
    Activity.objects.filter(pk=activity.pk).update(alone_price_fen=PRICE_FEN - 1)
    fail(order.group_id)
    settle()
    order.refresh_from_db()
    assert (order.state, order.amount_fen) == ("SHIPPED", PRICE_FEN)


def test_an_ended_sale_still_sells_what_it_had_sold(activity):
    order = make_asked(activity)
    Activity.objects.filter(pk=activity.pk).update(ends_at=database_now("default"))
    pay_surcharge(order)
    settle()
    assert Order.objects.get(pk=order.pk).state == "SHIPPED"


def test_who_wants_the_money_back_meanwhile_gets_it(activity):
    order = make_asked(activity)
    _payment, notice = take_surcharge(order)
    request_refund(member_id=order.member_id, order_id=order.pk)
    settle()
    # The open payment was closed at the gateway, which had its money: that goes back as well.
    arrive(notice)
    settle()
    assert Order.objects.get(pk=order.pk).state == "REFUNDED"
    assert payments_of(order) == {"order": ["REFUNDED"], "surcharge": ["REFUNDED"]}
    assert sold(activity) == (10, 0, 0)
    make_rescues_due(overdue=True)
    settle()
    assert rescue_of(order).outcome == "order_moved"
    assert broken() == {}


def dying(module, name):
    """Does what `name` does, and dies before it is committed; then as it was."""
    real = getattr(module, name)

    def do_and_die(*args, **kwargs):
        real(*args, **kwargs)
        raise REDIS_AWAY

    return patch.object(module, name, side_effect=do_and_die)


# Each leaves all as it was: the next run, or the next notice, begins anew.
WHILE_ASKING = [
    lambda: patch.object(advancing, "wants_to_buy_alone", side_effect=REDIS_AWAY),
    lambda: patch.object(buying_alone, "_surcharge_of", side_effect=REDIS_AWAY),
    lambda: dying(buying_alone, "move_rescue"),
    lambda: dying(buying_alone, "ask_surcharge"),
]
AT_THE_DEADLINE = [
    lambda: patch.object(buying_alone, "close_open_payments", side_effect=REDIS_AWAY),
    lambda: dying(buying_alone, "close_open_payments"),
    lambda: dying(buying_alone, "end_refused"),
]
WHILE_BOOKING = ["buy_alone", "move_payment", "book_taken", "_store"]


def test_whoever_dies_leaves_it_to_the_next(activity):
    order = place(activity, member_id=1, wishes=ALONE)
    pay_order(order)
    fail(order.group_id)
    deliver_all(ROUTES)
    for death in WHILE_ASKING:
        make_rescues_due()
        with death():
            advance_rescues()
        assert (rescue_of(order).state, surcharge_said(order)) == ("OPEN", None)
    make_rescues_due()
    advance_rescues()
    assert surcharge_said(order) == (EACH_FEN, "waiting")

    _payment, notice = take_surcharge(Order.objects.get(pk=order.pk))
    for name in WHILE_BOOKING:
        with dying(results, name), pytest.raises(REDIS_AWAY):
            arrive(notice)
        assert surcharge_said(order) == (EACH_FEN, "waiting")
    for _time in range(3):
        arrive(notice)
    assert [message.topic for message in waiting_messages()].count("order.to_ship") == 1
    settle()
    assert Order.objects.get(pk=order.pk).state == "SHIPPED"
    assert broken() == {}


def test_whoever_dies_at_the_deadline_leaves_it_to_the_next(activity):
    order = make_asked(activity)
    start(order)
    for death in AT_THE_DEADLINE:
        make_rescues_due(overdue=True)
        with death():
            end_overdue_surcharges()
        assert (rescue_of(order).state, Order.objects.get(pk=order.pk).state) == ("ASKING", "AWAITING_GROUP")
    make_rescues_due(overdue=True)
    settle()
    assert Order.objects.get(pk=order.pk).state == "REFUNDED"
    assert sold(activity) == (10, 0, 0)
    assert broken() == {}
