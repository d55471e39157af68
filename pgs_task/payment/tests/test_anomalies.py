"""Money that pays nothing here is written down once, asked about, sent back or put on the desk."""

from datetime import timedelta

import pytest
from django.db.models import Sum

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_task.journal.accounts import Account
from pgs_task.journal.models import JournalEntry
from pgs_task.payment.anomalies import services as anomaly_services
from pgs_task.payment.anomalies.models import Anomaly
from pgs_task.payment.anomalies.states import AnomalyKind, AnomalyState
from pgs_task.payment.errors import (
    AnomalyNotManual,
    AnomalyWithoutPayment,
    NumberTaken,
    UnknownPayment,
    WrongAmount,
)
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.sandbox_gateway.faults import forget_faults, set_fault
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxRefund, SandboxTrade
from pgs_task.payment.services import (
    CloseOutcome,
    close_payment,
    explain_anomaly,
    process_due_refunds,
    query_waiting_payments,
    refund_anomaly,
    trace_again,
    trace_anomalies,
)
from pgs_task.payment.services.anomaly_tracing import TRACE_SECONDS
from pgs_task.payment.states import PaymentState, RefundState
from pgs_task.payment.tests.making import (
    describe_notice,
    fresh,
    let_time_pass,
    make_payment,
    now_of,
    order_of,
    pay,
    refunds_of,
    send,
    start,
    take_at_gateway,
)
from pgs_task.reconciliation.runner import ALL_CHECKS, judge
from pgs_task.statements.services.comparing import compare_statement
from pgs_web.trade.order.states import OrderState
from tests.races.meeting import meet

EVERYWHERE = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def _sober():
    yield
    forget_faults()


def anomalies() -> list[Anomaly]:
    return [anomaly for alias in node_aliases() for anomaly in Anomaly.objects.on_node(alias).order_by("pk")]


def the_anomaly() -> Anomaly:
    (anomaly,) = anomalies()
    return anomaly


def trace() -> Anomaly:
    """The clock looks at the only anomaly, as if its time had come."""
    anomaly = the_anomaly()
    Anomaly.objects.filter(pk=anomaly.pk).update(next_try_at=DatabaseNow(after=-timedelta(seconds=1)))
    trace_anomalies()
    return the_anomaly()


def take_wrong_amount(payment: Payment) -> SandboxTrade:
    """The bank takes more than it was asked for."""
    set_fault(kind=FaultKind.WRONG_AMOUNT, times=1)
    return take_at_gateway(payment)


def tell(payment: Payment, trade: SandboxTrade, **changes) -> None:
    send(describe_notice(payment, trade_no=trade.trade_no, amount_fen=trade.amount_fen, **changes))


def owed(payment: Payment) -> int:
    entries = JournalEntry.objects.on_node(alias_of_id(payment.pk)).filter(account=Account.REFUNDS_PAYABLE)
    sums = entries.aggregate(debit=Sum("debit_fen", default=0), credit=Sum("credit_fen", default=0))
    return int(sums["credit"] - sums["debit"])


# A wrong amount


@EVERYWHERE
def test_a_wrong_amount_goes_back_and_the_shopper_pays_again():
    payment = make_payment()
    trade = take_wrong_amount(payment)
    for _ in range(2):
        with pytest.raises(WrongAmount):
            tell(payment, trade)
    anomaly = the_anomaly()
    assert (anomaly.kind, anomaly.state, anomaly.amount_fen) == (AnomalyKind.WRONG_AMOUNT, "OPEN", trade.amount_fen)
    assert (anomaly.order_id, anomaly.trade_no) == (payment.order_id, trade.trade_no)

    assert trace().state == AnomalyState.REFUNDING
    assert owed(payment) == trade.amount_fen
    process_due_refunds()
    assert trace().state == AnomalyState.REFUNDED
    assert owed(payment) == 0
    assert [refund.amount_fen for refund in SandboxRefund.objects.all()] == [trade.amount_fen]
    assert fresh(payment).refunded_fen == 0

    # Asked about it, the gateway says that it can't be paid again: the shopper starts another one.
    let_time_pass(payment, seconds=11)
    query_waiting_payments()
    assert fresh(payment).state == PaymentState.CLOSED
    assert order_of(payment).state == OrderState.UNPAID
    second = start(order_of(payment))
    assert second.pk != payment.pk
    assert pay(second).state == PaymentState.SUCCEEDED
    assert len(anomalies()) == 1
    # To the fen, the fees of both trades included.
    comparison = compare_statement(day=day_of(now_of(second)))
    assert (comparison.their_lines, comparison.differences) == (3, [])
    assert_books_agree()


def assert_books_agree() -> None:
    """Our books are the gateway's statement, to the fen, and the journal has each movement."""
    money = {check.id: check for check in ALL_CHECKS if check.id in {"M1", "M2", "M4", "M6", "M7", "M8"}}
    verdicts = {check_id: judge(check) for check_id, check in money.items()}
    assert {check_id: verdict.offenders for check_id, verdict in verdicts.items() if not verdict.is_ok} == {}


@EVERYWHERE
@pytest.mark.parametrize("way", ["query", "close"])
def test_a_wrong_amount_whose_notice_never_came_is_found_and_goes_back(way):
    payment = make_payment()
    trade = take_wrong_amount(payment)
    if way == "query":
        let_time_pass(payment, seconds=11)
        query_waiting_payments()
    else:
        assert close_payment(payment_id=payment.pk) == CloseOutcome.CLOSED
    assert fresh(payment).state == PaymentState.CLOSED
    assert trace().state == AnomalyState.REFUNDING
    process_due_refunds()
    assert trace().state == AnomalyState.REFUNDED
    assert SandboxTrade.objects.get(payment_id=payment.pk).refunded_fen == trade.amount_fen


@EVERYWHERE
def test_a_wrong_amount_that_the_gateway_does_not_have_is_put_on_the_desk():
    payment = make_payment()
    with pytest.raises(WrongAmount):
        send(describe_notice(payment, amount_fen=1))
    for _ in range(len(TRACE_SECONDS)):
        assert trace().state == AnomalyState.OPEN
    assert trace().state == AnomalyState.MANUAL
    assert refunds_of(payment) == []
    assert owed(payment) == 0
    explain_anomaly(anomaly_id=the_anomaly().pk, note="a test of the bank")
    assert (the_anomaly().state, the_anomaly().note) == (AnomalyState.EXPLAINED, "a test of the bank")
    for act in (
        lambda: explain_anomaly(anomaly_id=the_anomaly().pk, note="again"),
        lambda: refund_anomaly(anomaly_id=the_anomaly().pk, note="again"),
        lambda: trace_again(anomaly_id=the_anomaly().pk),
    ):
        with pytest.raises(AnomalyNotManual):
            act()


@EVERYWHERE
def test_a_wrong_word_about_the_right_money_is_explained():
    payment = make_payment()
    trade = take_at_gateway(payment)
    with pytest.raises(WrongAmount):
        send(describe_notice(payment, trade_no=trade.trade_no, amount_fen=1, notice_id="wrong"))
    send(describe_notice(payment, trade_no=trade.trade_no))
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert trace().state == AnomalyState.EXPLAINED
    assert refunds_of(payment) == []


@EVERYWHERE
def test_a_gateway_that_does_not_answer_is_asked_again():
    payment = make_payment()
    trade = take_wrong_amount(payment)
    with pytest.raises(WrongAmount):
        tell(payment, trade)
    set_fault(kind=FaultKind.QUERY_UNAVAILABLE, times=1)
    assert trace().state == AnomalyState.OPEN
    assert trace().state == AnomalyState.REFUNDING


@EVERYWHERE
def test_a_failed_attempt_is_about_no_money():
    payment = make_payment()
    with pytest.raises(WrongAmount):
        send(describe_notice(payment, amount_fen=1, status="FAIL", paid_at=None))
    assert anomalies() == []


@EVERYWHERE
def test_a_long_text_is_cut():
    payment = make_payment()
    with pytest.raises(WrongAmount):
        send(describe_notice(payment, amount_fen=1, noise="x" * 30_000))
    assert len(the_anomaly().raw) == anomaly_services.LONGEST_RAW


@EVERYWHERE
def test_another_currency_is_for_a_person():
    payment = make_payment()
    with pytest.raises(WrongAmount):
        send(describe_notice(payment, currency="USD"))
    assert trace().state == AnomalyState.MANUAL
    with pytest.raises(AnomalyWithoutPayment):
        refund_anomaly(anomaly_id=the_anomaly().pk, note="x")


# Other trades and other payments


@EVERYWHERE
def test_a_second_trade_is_for_a_person_and_never_costs_the_first():
    payment = pay(make_payment())
    with pytest.raises(NumberTaken):
        send(describe_notice(payment, notice_id="second", trade_no="second"))
    assert trace().state == AnomalyState.MANUAL
    trace_again(anomaly_id=the_anomaly().pk)
    assert trace().state == AnomalyState.MANUAL
    number = refund_anomaly(anomaly_id=the_anomaly().pk, note="seen in the bank's portal")
    process_due_refunds()
    # The bank doesn't know the trade: it refuses, and doesn't take the money of the one that paid.
    refund = Refund.objects.get(payment_id=payment.pk, refund_no=number)
    assert (refund.state, refund.trade_no) == (RefundState.FAILED, "second")
    assert not SandboxRefund.objects.exists()
    assert (fresh(payment).state, fresh(payment).refunded_fen) == (PaymentState.SUCCEEDED, 0)


@EVERYWHERE
def test_somebody_elses_trade_is_for_a_person():
    paid, other = pay(make_payment()), make_payment()
    for _ in range(2):
        with pytest.raises(NumberTaken):
            send(describe_notice(other, trade_no=paid.trade_no))
    anomaly = trace()
    assert (anomaly.kind, anomaly.state) == (AnomalyKind.FOREIGN_NUMBER, AnomalyState.MANUAL)
    assert fresh(other).state == PaymentState.WAITING


@EVERYWHERE
def test_money_for_a_payment_that_nobody_knows_is_for_a_person():
    payment = make_payment()
    for _ in range(2):
        with pytest.raises(UnknownPayment):
            send(describe_notice(payment, payment_id=str(payment.pk + 1)))
    anomaly = trace()
    assert (anomaly.kind, anomaly.state, anomaly.order_id) == (AnomalyKind.UNKNOWN_PAYMENT, AnomalyState.MANUAL, None)
    with pytest.raises(AnomalyWithoutPayment):
        refund_anomaly(anomaly_id=anomaly.pk, note="x")
    explain_anomaly(anomaly_id=anomaly.pk, note="sent back in the bank's portal")


# At once


@pytest.mark.django_db(databases="__all__", transaction=True)
@pytest.mark.real
def test_copies_and_tracers_at_once_send_it_back_once():
    payment = make_payment()
    trade = take_wrong_amount(payment)

    def say() -> str:
        with pytest.raises(WrongAmount):
            tell(payment, trade)
        return "said"

    assert meet(*[say] * 12) == ["said"] * 12
    the_anomaly()
    meet(*[trace_anomalies] * 4)
    meet(*[process_due_refunds] * 3)
    assert [refund.amount_fen for refund in SandboxRefund.objects.all()] == [trade.amount_fen]
    assert trace().state == AnomalyState.REFUNDED
    assert owed(payment) == 0
