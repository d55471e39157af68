"""A payment whose notice never came is asked about, less and less often, and closed in the end."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from pgs_task.payment.gateways.contract import TradeAnswer
from pgs_task.payment.models import Payment
from pgs_task.payment.sandbox_gateway.faults import set_fault
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxTrade
from pgs_task.payment.sandbox_gateway.models import TradeState as BankState
from pgs_task.payment.sandbox_gateway.services import close_trade
from pgs_task.payment.services import NEVER, query_waiting_payments
from pgs_task.payment.services import queries as queries_module
from pgs_task.payment.services.closing import CloseOutcome, close_payment
from pgs_task.payment.states import NoticeOutcome, PaymentState
from pgs_task.payment.tests.making import (
    describe_notice,
    fresh,
    let_time_pass,
    make_payment,
    notices_of,
    now_of,
    order_of,
    refunds_of,
    send,
    take_at_gateway,
    topics_of,
)
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES

pytestmark = pytest.mark.django_db(databases="__all__")


def test_nothing_is_asked_before_it_is_due():
    payment = make_payment()
    make_payment()
    take_at_gateway(payment)
    assert query_waiting_payments().asked == 0
    assert fresh(payment).state == PaymentState.WAITING


@pytest.mark.parametrize("member_id", MEMBERS_ON_THREE_NODES)
def test_a_lost_notice_is_made_up_for(member_id):
    payment = make_payment(member_id=member_id)
    trade = take_at_gateway(payment)
    let_time_pass(payment, seconds=31)
    report = query_waiting_payments()
    assert (report.asked, report.paid) == (1, 1)
    assert (fresh(payment).state, fresh(payment).trade_no) == (PaymentState.SUCCEEDED, trade.trade_no)
    assert order_of(payment).state == OrderState.TO_SHIP
    # The notice comes after all.
    assert send(describe_notice(payment, trade_no=trade.trade_no)) == b"success"
    assert [notice.outcome for notice in notices_of(payment)] == [NoticeOutcome.PAID, NoticeOutcome.DUPLICATE]
    assert topics_of(payment) == ["order.paid", "order.to_ship"]
    assert query_waiting_payments().asked == 0


def test_the_questions_come_less_and_less_often(settings):
    settings.PAYMENT_QUERY_SECONDS = [10, 20, 40]
    payment = make_payment()
    pauses = []
    for _ in range(4):
        Payment.objects.filter(pk=payment.pk).update(next_query_at=now_of(payment) - timedelta(seconds=1))
        before = now_of(payment)
        assert query_waiting_payments().asked == 1
        pauses.append(round((fresh(payment).next_query_at - before).total_seconds()))
        assert query_waiting_payments().asked == 0
    assert pauses == [20, 40, 40, 40]
    assert fresh(payment).query_count == 4
    assert fresh(payment).state == PaymentState.WAITING


def test_a_trade_that_the_gateway_closed_is_closed_here():
    payment = make_payment()
    close_trade(payment_id=payment.pk)
    let_time_pass(payment, seconds=31)
    assert query_waiting_payments().closed == 1
    assert fresh(payment).state == PaymentState.CLOSED


def test_an_open_payment_past_its_time_is_closed_at_the_gateway():
    payment = make_payment()
    let_time_pass(payment, seconds=15 * 60 + 61)
    assert query_waiting_payments().closed == 1
    assert SandboxTrade.objects.get(payment_id=payment.pk).state == BankState.CLOSED
    assert fresh(payment).state == PaymentState.CLOSED


def test_a_silent_gateway_is_asked_again_later():
    payment = make_payment()
    take_at_gateway(payment)
    let_time_pass(payment, seconds=31)
    set_fault(kind=FaultKind.QUERY_UNAVAILABLE, times=1)
    assert query_waiting_payments().unanswered == 1
    assert fresh(payment).state == PaymentState.WAITING
    let_time_pass(payment, seconds=61)
    assert query_waiting_payments().paid == 1


def test_another_amount_at_the_gateway_never_pays():
    payment = make_payment()
    take_at_gateway(payment)
    SandboxTrade.objects.filter(payment_id=payment.pk).update(amount_fen=payment.amount_fen + 1)
    let_time_pass(payment, seconds=31)
    assert query_waiting_payments().paid == 0
    assert order_of(payment).state == OrderState.UNPAID
    assert [notice.outcome for notice in notices_of(payment)] == [NoticeOutcome.WRONG_AMOUNT]


def close(payment: Payment) -> None:
    assert close_payment(payment_id=payment.pk) == CloseOutcome.CLOSED


def test_one_that_is_paid_while_it_is_closed_and_whose_notice_is_lost_goes_back():
    payment = make_payment()
    close(payment)
    take_at_gateway(payment)
    assert query_waiting_payments().asked == 0
    let_time_pass(payment, seconds=61)
    assert query_waiting_payments().paid == 1
    assert fresh(payment).state == PaymentState.LATE
    assert [refund.reason for refund in refunds_of(payment)] == ["late_payment"]


def test_a_closed_one_is_asked_about_some_more_times_and_then_left_alone(settings):
    settings.PAYMENT_CLOSED_QUERY_SECONDS = [10, 20, 40]
    payment = make_payment()
    close(payment)
    pauses = [round((fresh(payment).next_query_at - now_of(payment)).total_seconds())]
    for _ in range(3):
        Payment.objects.filter(pk=payment.pk).update(next_query_at=now_of(payment) - timedelta(seconds=1))
        before = now_of(payment)
        assert query_waiting_payments().asked == 1
        pauses.append(round((fresh(payment).next_query_at - before).total_seconds()))
    assert pauses[:3] == [10, 20, 40]
    assert fresh(payment).next_query_at == NEVER
    assert (fresh(payment).state, fresh(payment).query_count) == (PaymentState.CLOSED, 3)


def test_waiting_ones_of_all_nodes_are_asked_before_closed_ones(monkeypatch):
    closed, *waiting = [make_payment(member_id=member_id) for member_id in MEMBERS_ON_THREE_NODES]
    close(closed)
    for payment in (closed, *waiting):
        take_at_gateway(payment)
        let_time_pass(payment, seconds=61)
    asked = []
    ask = queries_module._ask

    def record(payment, now, report):
        asked.append(payment.state)
        ask(payment, now, report)

    monkeypatch.setattr(queries_module, "_ask", record)
    query_waiting_payments()
    assert asked == [PaymentState.WAITING, PaymentState.WAITING, PaymentState.CLOSED]


def test_more_than_are_picked_together_are_asked_in_one_run(monkeypatch):
    monkeypatch.setattr(queries_module, "PICKED_TOGETHER", 2)
    for _ in range(3):
        let_time_pass(make_payment(), seconds=31)
    assert query_waiting_payments().asked == 3


def test_what_an_older_version_closed_long_ago_is_not_asked_about():
    payment = make_payment()
    close(payment)
    let_time_pass(payment, seconds=8 * 86_400)
    assert query_waiting_payments().asked == 0


def test_one_node_down_does_not_silence_the_others(monkeypatch):
    payments = [make_payment(member_id=member_id) for member_id in MEMBERS_ON_THREE_NODES]
    for payment in payments:
        take_at_gateway(payment)
        let_time_pass(payment, seconds=31)
    pick = queries_module._pick_due

    def pick_unless_down(alias, state, limit):
        if alias == payments[0]._state.db:
            raise OperationalError("down")
        return pick(alias, state, limit)

    monkeypatch.setattr(queries_module, "_pick_due", pick_unless_down)
    report = query_waiting_payments()
    assert (report.paid, report.nodes_down) == (2, 1)


def test_no_more_than_the_limit_is_asked():
    payments = [make_payment() for _ in range(3)]
    for payment in payments:
        let_time_pass(payment, seconds=31)
    assert query_waiting_payments(limit=2).asked == 2
    assert query_waiting_payments(limit=2).asked == 1


def test_one_that_breaks_our_code_does_not_keep_the_others_from_being_asked(monkeypatch):
    payments = [make_payment(member_id=member_id) for member_id in MEMBERS_ON_THREE_NODES]
    for payment in payments:
        take_at_gateway(payment)
        let_time_pass(payment, seconds=31)
    apply = queries_module.apply_trade_answer

    def break_down(*, payment: Payment, answer: TradeAnswer) -> None:
        if payment.pk == payments[0].pk:
            raise KeyError("a mistake of ours")
        apply(payment=payment, answer=answer)

    monkeypatch.setattr(queries_module, "apply_trade_answer", break_down)
    report = query_waiting_payments()
    assert (report.asked, report.paid, report.unanswered) == (3, 2, 1)
