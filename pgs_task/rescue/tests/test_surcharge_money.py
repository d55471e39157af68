"""Two payments of one order: hostile notices, money that comes too late, and everything that goes back."""

from functools import partial
from unittest.mock import patch

import pytest

from pgs_task.handlers.acknowledging import acknowledge
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.payment import handlers
from pgs_task.payment.errors import WrongAmount
from pgs_task.payment.gateways.contract import TradeAnswer, TradeState
from pgs_task.payment.models import Payment
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.sandbox_gateway.faults import forget_faults, set_fault
from pgs_task.payment.sandbox_gateway.models import FaultKind
from pgs_task.payment.services import (
    CloseReport,
    close_payment,
    process_due_refunds,
    query_waiting_payments,
    request_partial_refund,
    results,
    trace_anomalies,
)
from pgs_task.payment.tests.making import describe_notice, fresh, let_time_pass, pay, send, start, take_at_gateway
from pgs_task.reconciliation.tests.making import broken
from pgs_task.rescue.services import buying_alone, end_overdue_surcharges
from pgs_task.rescue.tests.making import make_rescues_due, rescue_of, settle
from pgs_task.rescue.tests.surcharges import (
    ALONE_FEN,
    EACH_FEN,
    PRICE_FEN,
    arrive,
    make_asked,
    make_offer,
    pay_surcharge,
    payments_of,
    refunds_of_order,
    surcharge_said,
    take_surcharge,
)
from pgs_task.routes import ROUTES
from pgs_web.api.errors import Unavailable
from pgs_web.trade.after_sale.services import approve_request
from pgs_web.trade.after_sale.tests.making import make_request
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import start_refund
from pgs_web.trade.order.states import RefundReason
from pgs_web.trade.stock.selectors import read_stock
from tests.races.meeting import meet_with_delays
from tests.races.meeting import rounds as rounds_of

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]
# Enough for the two rounds in which one of both comes first for sure.
ROUNDS = 6


@pytest.fixture(autouse=True)
def _sober():
    yield
    forget_faults()


@pytest.fixture
def activity():
    return make_offer()


def state_of(order):
    return Order.objects.get(pk=order.pk).state


def lapse(order):
    """The deadline passes, and the gateway doesn't say what it has."""
    with patch.object(buying_alone, "close_open_payments", return_value=CloseReport()):
        make_rescues_due(overdue=True)
        end_overdue_surcharges()
    assert state_of(order) == "REFUNDING"


def test_paid_too_late_both_payments_go_back_each_by_its_own_refund(activity):
    order = make_asked(activity)
    payment, notice = take_surcharge(order)
    lapse(order)
    arrive(notice)
    arrive(notice)
    assert fresh(payment).state == "LATE"
    settle()
    assert state_of(order) == "REFUNDED"
    assert payments_of(order) == {"order": ["REFUNDED"], "surcharge": ["REFUNDED"]}
    first, second = refunds_of_order(order)
    assert (first[1:], second) == ((PRICE_FEN, "SUCCEEDED"), (f"R{payment.pk}", EACH_FEN, "SUCCEEDED"))
    stock = read_stock(activity.pk)
    assert (stock.remain, stock.sold) == (10, 0)
    assert broken() == {}


def test_without_asking_the_order_a_late_surcharge_would_count_as_paid(activity):
    """The negative control of that."""
    order = make_asked(activity)
    _payment, notice = take_surcharge(order)
    lapse(order)
    with patch.object(handlers, "close_open_payments"):
        deliver_all(ROUTES)
    with patch.object(results, "buy_alone", return_value=order):
        arrive(notice)
    settle()
    assert broken().keys() >= {"M1"}


def test_a_wrong_amount_pays_nothing_and_goes_back(activity):
    order = make_asked(activity)
    payment = start(order)
    set_fault(kind=FaultKind.WRONG_AMOUNT, times=1)
    trade = take_at_gateway(payment)
    with pytest.raises(WrongAmount):
        send(describe_notice(payment, trade_no=trade.trade_no, amount_fen=trade.amount_fen))
    assert surcharge_said(order) == (EACH_FEN, "waiting")
    let_time_pass(payment, seconds=3600)
    query_waiting_payments()
    trace_anomalies()
    assert fresh(payment).state == "CLOSED"
    # Another one may be started, and pays.
    pay_surcharge(order)
    settle()
    assert state_of(order) == "SHIPPED"
    assert payments_of(order) == {"order": ["SUCCEEDED"], "surcharge": ["CLOSED", "SUCCEEDED"]}
    assert [amount for _number, amount, _state in refunds_of_order(order)] == [trade.amount_fen]


def test_a_notice_of_another_amount_changes_nothing(activity):
    order = make_asked(activity)
    payment, notice = take_surcharge(order)
    for amount_fen in (PRICE_FEN, ALONE_FEN, EACH_FEN - 1, EACH_FEN + 1):
        with pytest.raises(WrongAmount):
            send({**notice, "notice_id": f"n-{amount_fen}", "amount_fen": amount_fen})
    assert (fresh(payment).state, surcharge_said(order)) == ("WAITING", (EACH_FEN, "waiting"))


def test_two_surcharges_are_one_and_the_other_goes_back(activity):
    order = make_asked(activity)
    first, notice = take_surcharge(order)
    with patch.object(SandboxGateway, "close", return_value=TradeAnswer(state=TradeState.CLOSED)):
        close_payment(payment_id=first.pk)
    pay_surcharge(order)
    arrive(notice)
    settle()
    assert state_of(order) == "SHIPPED"
    assert payments_of(order) == {"order": ["SUCCEEDED"], "surcharge": ["REFUNDED", "SUCCEEDED"]}
    assert refunds_of_order(order) == [(f"R{first.pk}", EACH_FEN, "SUCCEEDED")]
    assert broken() == {}


def test_an_open_payment_of_the_order_is_not_what_the_shopper_pays_the_surcharge_with(activity):
    """Left open when the order was cancelled, which was taken up again for another payment that came late."""
    order = make_asked(activity)
    left_open = start(order)
    Payment.objects.filter(pk=left_open.pk).update(purpose="order", amount_fen=PRICE_FEN)
    set_fault(kind=FaultKind.CLOSE_UNAVAILABLE, times=1)
    with pytest.raises(Unavailable):
        start(order)
    assert payments_of(order) == {"order": ["SUCCEEDED", "WAITING"]}
    payment = start(order)
    assert (payment.purpose, payment.amount_fen, start(order).pk) == ("surcharge", EACH_FEN, payment.pk)
    assert payments_of(order) == {"order": ["SUCCEEDED", "CLOSED"], "surcharge": ["WAITING"]}
    pay(payment)
    settle()
    assert state_of(order) == "SHIPPED"
    assert broken() == {}


def test_a_surcharge_is_no_payment_of_the_order(activity):
    """Of an order that waits for no surcharge the same notice is late, whatever it says."""
    order = make_asked(activity)
    payment, notice = take_surcharge(order)
    Order.objects.filter(pk=order.pk).update(surcharge_fen=EACH_FEN + 1)
    arrive(notice)
    assert (fresh(payment).state, state_of(order)) == ("LATE", "AWAITING_GROUP")


def test_an_operator_refunds_both(activity):
    order = make_asked(activity)
    pay_surcharge(order)
    # Logistics is away.
    deliver_all({**ROUTES, "order.to_ship": acknowledge})
    assert start_refund(order_id=order.pk, reason=RefundReason.BY_OPERATOR, actor="test")
    deliver_all(ROUTES)
    # One of the two is back: the order isn't REFUNDED before the other is, too.
    process_due_refunds(limit=1)
    assert state_of(order) == "REFUNDING"
    settle()
    assert state_of(order) == "REFUNDED"
    assert [(amount, state) for _number, amount, state in refunds_of_order(order)] == [
        (PRICE_FEN, "SUCCEEDED"),
        (EACH_FEN, "SUCCEEDED"),
    ]
    stock = read_stock(activity.pk)
    assert (stock.remain, stock.sold) == (10, 0)
    assert broken() == {}


def test_after_sale_takes_from_the_first_payment_then_from_the_other(activity):
    order = make_asked(activity)
    pay_surcharge(order)
    settle()
    for amount_fen in (900, 300):
        request = make_request(Order.objects.get(pk=order.pk), amount_fen=amount_fen)
        approve_request(request_id=request.pk, actor="test")
        deliver_all(ROUTES)
        again = partial(
            request_partial_refund,
            order_id=order.pk,
            request_id=request.pk,
            sequence=request.sequence,
            reason="after_sale",
        )
        assert sum(refund.amount_fen for refund in again(amount_fen=amount_fen)) == amount_fen
        with pytest.raises(ValueError, match="another amount"):
            again(amount_fen=amount_fen + 1)
        if amount_fen == 300:
            process_due_refunds(limit=1)
            request.refresh_from_db()
            # Its other part is still on its way.
            assert request.state == "REFUNDING"
        settle()
        request.refresh_from_db()
        assert request.state == "DONE"
    assert [(number.split("-")[1], amount) for number, amount, _state in refunds_of_order(order)] == [
        ("1", 900),
        ("2", 100),
        ("2", 200),
    ]
    assert payments_of(order) == {"order": ["REFUNDED"], "surcharge": ["SUCCEEDED"]}
    assert state_of(order) == "SHIPPED"
    assert broken() == {}


@pytest.mark.real
def test_the_surcharge_against_its_deadline():
    """The notice meets the sweeper when the gateway can't be asked: one of them has the order, nobody loses money."""
    rounds = rounds_of(ROUNDS)
    activity = make_offer(stock=rounds)
    orders = []
    with patch.object(buying_alone, "close_open_payments", return_value=CloseReport()):
        for number in range(rounds):
            order = make_asked(activity, member_id=1 + number)
            _payment, notice = take_surcharge(order)
            make_rescues_due(overdue=True)
            # First the sweeper comes first, then the notice; then who knows.
            for_notice, for_sweeper = [(0.3, 0.0), (0.0, 0.3)][number] if number < 2 else (0.0, 0.002 * (number % 5))
            meet_with_delays(
                [
                    (partial(arrive, notice), for_notice),
                    (end_overdue_surcharges, for_sweeper),
                    (end_overdue_surcharges, for_sweeper),
                ]
            )
            orders.append(order)
    settle()
    bought = [state_of(order) == "SHIPPED" for order in orders]
    assert [state_of(order) for order in orders] == ["SHIPPED" if won else "REFUNDED" for won in bought]
    assert [rescue_of(order).state for order in orders] == ["DONE" if won else "REFUSED" for won in bought]
    assert bought[:2] == [False, True], "no race took place"
    stock = read_stock(activity.pk)
    assert (stock.remain, stock.lock, stock.sold) == (rounds - sum(bought), 0, sum(bought))
    assert broken() == {}
