"""A payment that comes after its order's cancellation: taken up again as wished, or refunded; once, whatever dies."""

from functools import partial
from unittest.mock import patch

import pytest

from pgs_data.ids.texts import short_id
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import partition_of
from pgs_task.handlers.tests.making import deliver_all, waiting_messages
from pgs_task.payment.services import late as late_payments
from pgs_task.payment.tests.making import describe_notice, fresh, send, start, take_at_gateway, topics_of
from pgs_task.reconciliation.tests.making import broken
from pgs_task.rescue.handlers import handle_payment_late
from pgs_task.rescue.services import advance_rescues, advancing, ending
from pgs_task.rescue.services.searching import make_wish
from pgs_task.rescue.tests.making import (
    RETRY,
    fail,
    make_late_payment,
    make_rescues_due,
    money_of,
    pay_order,
    place,
    rescue_of,
    settle,
)
from pgs_task.routes import ROUTES
from pgs_web.trade.coupon.tests.making import issue, promise
from pgs_web.trade.coupon.tests.making import let_end as let_coupon_end
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.intake.places import PlaceReply, take_place
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import start_refund, use_coupons
from pgs_web.trade.order.states import CancelReason, RefundReason
from pgs_web.trade.order.wishes import OnLatePayment, OnLostSeat, Wishes
from pgs_web.trade.stock.keys import holds_key
from pgs_web.trade.stock.selectors import read_holds, read_stock
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]
REDIS_AWAY = RedisUnavailable[0]


@pytest.fixture
def activity():
    return make_sale(stock=10, group_size=2, member_limit=2)


def figures(activity):
    stock = read_stock(activity.pk)
    assert stock.is_consistent
    return stock.remain, stock.lock, stock.sold


def test_the_order_has_its_coupons_before_its_payment_is_locked(activity):
    """Order, coupon, payment, as everywhere: nobody waits in a circle."""
    late = make_late_payment(place(activity, member_id=1, wishes=RETRY, alone=True))
    late.arrive()
    steps: list[str] = []

    def watched(name):
        real = getattr(late_payments, name)

        def note(**asked):
            steps.append(name)
            return real(**asked)

        return patch.object(late_payments, name, note)

    with watched("revive_order"), watched("lock_payment"):
        settle()
    assert steps == ["revive_order", "lock_payment"]
    assert money_of(late.payment) == ("SUCCEEDED", [])


def test_an_order_alone_is_taken_up_again(activity):
    late = make_late_payment(place(activity, member_id=1, wishes=RETRY, alone=True, quantity=2))
    assert figures(activity) == (10, 0, 0)
    late.arrive()
    late.arrive()
    late.order.refresh_from_db()
    assert (late.order.state, late.order.decide_by is not None) == ("CANCELLED", True)
    assert money_of(late.payment) == ("LATE", [])
    settle()
    late.order.refresh_from_db()
    assert (late.order.state, late.order.reason, late.order.decide_by) == ("SHIPPED", "late_payment", None)
    assert late.order.paid_at == fresh(late.payment).paid_at
    assert money_of(late.payment) == ("SUCCEEDED", [])
    assert rescue_of(late.order).state == "DONE"
    assert figures(activity) == (8, 0, 2)
    assert broken() == {}


def test_a_joiner_completes_the_group_after_all(activity):
    leader = place(activity, member_id=1)
    pay_order(leader)
    late = make_late_payment(place(activity, member_id=251, wishes=RETRY, join=leader.group_id))
    late.arrive()
    settle()
    assert Group.objects.get(pk=leader.group_id).state == "SUCCEEDED"
    assert {Order.objects.get(pk=one.pk).state for one in (leader, late.order)} == {"SHIPPED"}
    assert broken() == {}


def test_without_the_wish_the_money_goes_back_at_once(activity):
    late = make_late_payment(place(activity, member_id=1, alone=True))
    late.arrive()
    assert money_of(late.payment) == ("LATE", ["WAITING"])
    assert "payment.late" not in topics_of(late.payment)
    settle()
    assert money_of(late.payment) == ("REFUNDED", ["SUCCEEDED"])
    assert broken() == {}


@pytest.mark.parametrize("reason", [CancelReason.BY_MEMBER, CancelReason.RISK, CancelReason.BY_OPERATOR])
def test_who_cancelled_it_does_not_get_it_back(activity, reason):
    late = make_late_payment(place(activity, member_id=1, wishes=RETRY, alone=True), reason=reason)
    late.arrive()
    assert money_of(late.payment) == ("LATE", ["WAITING"])


@pytest.mark.parametrize(
    ("by_pass", "coupon", "is_tried"),
    [
        (True, None, False),
        (True, issue, False),
        (True, partial(promise, price_fen=100), True),
        (False, None, True),
    ],
    ids=["a right", "another coupon", "the promised price", "no right"],
)
def test_what_a_right_brings_is_tried_with_its_own_coupon_only(by_pass, coupon, is_tried):
    """The right may be another member's by the time that the payment comes."""
    activity = make_sale(stock=10, alone_price_fen=1000)
    order = place(activity, member_id=1, wishes=Wishes(OnLatePayment.RETRY, by_pass=by_pass), alone=True)
    if coupon is not None:
        use_coupons(member_id=1, order_id=order.pk, coupon_ids=[coupon(member_id=1, activity_id=activity.pk).pk])
        order.refresh_from_db()
    late = make_late_payment(order)
    late.arrive()
    assert money_of(late.payment) == ("LATE", [] if is_tried else ["WAITING"])
    late.order.refresh_from_db()
    assert (late.order.state, late.order.decide_by is not None) == ("CANCELLED", is_tried)


def test_a_late_payment_of_an_order_with_a_coupon(activity):
    """It takes up the order at the price that was paid, also when the coupon's time is over; not when it is spent."""

    def make_late(member_id):
        coupon, order = issue(member_id=member_id), place(activity, member_id=member_id, wishes=RETRY, alone=True)
        use_coupons(member_id=member_id, order_id=order.pk, coupon_ids=[coupon.pk])
        order.refresh_from_db()
        return coupon, make_late_payment(order)

    (over, taken_up), (spent, refunded) = make_late(1), make_late(251)
    let_coupon_end(over)
    elsewhere = place(activity, member_id=251, alone=True)
    use_coupons(member_id=251, order_id=elsewhere.pk, coupon_ids=[spent.pk])
    taken_up.arrive()
    refunded.arrive()
    settle()
    for coupon, late, state, order in (
        (over, taken_up, "SHIPPED", taken_up.order),
        (spent, refunded, "CANCELLED", elsewhere),
    ):
        late.order.refresh_from_db()
        coupon.refresh_from_db()
        assert (late.order.state, late.order.discount_fen) == (state, 100)
        assert fresh(late.payment).amount_fen == late.order.unit_price_fen - 100
        assert (coupon.state, coupon.order_id) == ("USED", order.pk)
    assert (money_of(taken_up.payment), money_of(refunded.payment)) == (("SUCCEEDED", []), ("REFUNDED", ["SUCCEEDED"]))
    assert figures(activity) == (8, 1, 1)
    assert broken() == {}


def sell_out(activity, order):
    admit(*(make_admission(activity, member_id=member, alone=True) for member in range(500, 509)))


def archive(activity, order):
    ledger(partition_of(activity.pk)).hdel(holds_key(activity.pk), short_id(order.pk))


@pytest.mark.parametrize(
    ("spoil", "outcome"),
    [(sell_out, "sold_out"), (lambda activity, order: fail(order.group_id), "no_seat"), (archive, "barred")],
    ids=["sold out", "failed", "archived"],
)
def test_nothing_left_is_refunded(activity, spoil, outcome):
    leader = place(activity, member_id=1)
    pay_order(leader)
    late = make_late_payment(place(activity, member_id=251, wishes=RETRY, join=leader.group_id))
    spoil(activity, late.order)
    late.arrive()
    settle()
    late.order.refresh_from_db()
    assert (late.order.state, late.order.reason, late.order.decide_by) == ("CANCELLED", "unpaid", None)
    assert money_of(late.payment) == ("REFUNDED", ["SUCCEEDED"])
    assert (rescue_of(late.order).state, rescue_of(late.order).outcome) == ("REFUSED", outcome)


def test_a_lost_group_may_be_another_one(activity):
    """Who also wished to be moved is, when their own group is gone."""
    leader, other = place(activity, member_id=1), place(activity, member_id=501)
    pay_order(other)
    wishes = Wishes(OnLatePayment.RETRY, OnLostSeat.MOVE)
    late = make_late_payment(place(activity, member_id=251, wishes=wishes, join=leader.group_id))
    fail(leader.group_id)
    late.arrive()
    settle()
    late.order.refresh_from_db()
    assert (late.order.state, late.order.group_id) == ("SHIPPED", other.group_id)
    assert sorted(
        Seat.objects.filter(order_id=late.order.pk, group_id=leader.group_id).values_list("state", flat=True)
    ) == ["RELEASED"]
    assert Order.objects.get(pk=other.pk).state == "SHIPPED"
    assert broken() == {}


def test_it_waits_until_the_cancellation_has_reached_the_ledger(activity):
    late = make_late_payment(place(activity, member_id=1, wishes=RETRY, alone=True), relayed=False)
    late.arrive()

    handle_payment_late([message for message in waiting_messages() if message.topic == "payment.late"])
    advance_rescues()
    assert rescue_of(late.order).state == "TAKING"
    settle()
    assert Order.objects.get(pk=late.order.pk).state == "SHIPPED"
    assert broken() == {}


def test_too_late_is_refunded_and_what_was_taken_goes_back(activity):
    """Dead after the ledger gave the units: past the decision's time they go back, then the money."""
    late = make_late_payment(place(activity, member_id=1, wishes=RETRY, alone=True))
    late.arrive()
    with patch.object(advancing, "end_rescued", side_effect=REDIS_AWAY):
        settle()
    assert (figures(activity), rescue_of(late.order).state) == ((9, 0, 1), "TAKING")
    make_rescues_due(overdue=True)
    settle()
    assert money_of(late.payment) == ("REFUNDED", ["SUCCEEDED"])
    assert figures(activity) == (10, 0, 0)
    # A call of somebody who was presumed dead comes now.
    assert take_place(make_wish(rescue_of(late.order), late.order)).reply is PlaceReply.BARRED
    assert figures(activity) == (10, 0, 0)
    assert broken() == {}


def test_without_forgoing_a_call_under_way_would_take_units_for_nobody(activity):
    """The negative control."""
    late = make_late_payment(place(activity, member_id=1, wishes=RETRY, alone=True))
    late.arrive()
    with patch.object(advancing, "take_place", side_effect=REDIS_AWAY):
        settle()
    make_rescues_due(overdue=True)
    with patch.object(advancing, "_forgo", return_value=True):
        settle()
    assert money_of(late.payment) == ("REFUNDED", ["SUCCEEDED"])
    assert take_place(make_wish(rescue_of(late.order), late.order)).reply is PlaceReply.TAKEN
    assert broken().keys() >= {"S2", "E2"}


def take_then_die(wish):
    take_place(wish)
    raise REDIS_AWAY


@pytest.mark.parametrize(
    "step",
    [
        (advancing, "take_place", {"side_effect": REDIS_AWAY}),
        (advancing, "take_place", {"side_effect": take_then_die}),
        (advancing, "make_wish", {"side_effect": REDIS_AWAY}),
        (ending, "accept_late_payment", {"side_effect": REDIS_AWAY}),
        (advancing, "move_rescue", {"side_effect": REDIS_AWAY}),
    ],
    ids=["before taking", "after taking", "before", "while booking", "at the start"],
)
def test_whoever_dies_between_two_steps_leaves_it_to_the_next(activity, step):
    leader = place(activity, member_id=1)
    pay_order(leader)
    late = make_late_payment(place(activity, member_id=251, wishes=RETRY, join=leader.group_id))
    late.arrive()
    module, name, how = step
    with patch.object(module, name, **how):
        settle()
    assert Order.objects.get(pk=late.order.pk).state == "CANCELLED"
    settle()
    assert Order.objects.get(pk=late.order.pk).state == "SHIPPED"
    assert figures(activity) == (8, 0, 2)
    assert broken() == {}


def test_a_second_late_payment_goes_back(activity):
    order = place(activity, member_id=1, wishes=RETRY, alone=True)
    late = make_late_payment(order)
    late.arrive()
    second = fresh(late.payment)
    type(second).objects.filter(pk=second.pk).update(open_order_id=None)
    Order.objects.filter(pk=order.pk).update(state="UNPAID")

    other = make_late_payment_of(start(order))
    Order.objects.filter(pk=order.pk).update(state="CANCELLED")
    other()
    settle()
    states = sorted(
        type(second).objects.on_node(order._state.db).filter(order_id=order.pk).values_list("state", flat=True)
    )
    assert states == ["REFUNDED", "SUCCEEDED"]
    assert Order.objects.get(pk=order.pk).state == "SHIPPED"


def make_late_payment_of(payment):

    trade = take_at_gateway(payment)
    return lambda: send(describe_notice(payment, trade_no=trade.trade_no))


def test_a_revived_order_can_be_refunded_like_any_other(activity):
    leader = place(activity, member_id=1)
    pay_order(leader)
    late = make_late_payment(place(activity, member_id=251, wishes=RETRY, join=leader.group_id))
    late.arrive()
    deliver_all(ROUTES)
    advance_rescues()
    deliver_all(ROUTES)

    assert start_refund(order_id=late.order.pk, reason=RefundReason.BY_OPERATOR, actor="test")
    settle()
    assert Order.objects.get(pk=late.order.pk).state == "REFUNDED"
    assert money_of(late.payment) == ("REFUNDED", ["SUCCEEDED"])
    hold = read_holds([(activity.pk, late.order.pk)])[late.order.pk]
    assert (hold.state.value, hold.reason) == ("R", "final")
    assert broken() == {}
