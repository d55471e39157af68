"""Money goes back once a payment, whoever asks, whatever the gateway does and wherever the process dies."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.errors import RefundNotManual
from pgs_task.payment.gateways.contract import RefundAnswer, RefundAnswerState
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.sandbox_gateway.faults import set_fault
from pgs_task.payment.sandbox_gateway.models import FaultKind
from pgs_task.payment.services import (
    close_payment,
    process_due_refunds,
    refund_sending,
    refund_settling,
    request_refund,
    retry_refund,
)
from pgs_task.payment.services.moves import move_refund
from pgs_task.payment.services.refund_sending import LEASE_SECONDS, pause_after
from pgs_task.payment.states import PaymentState, RefundState
from pgs_task.payment.tests.making import (
    fresh,
    make_due,
    make_payment,
    now_of,
    order_of,
    pay,
    start,
)
from pgs_task.payment.tests.refunding import assert_refunded, bank_refunds, make_refunding, refund_of
from pgs_web.trade.order.services import cancel_order, start_refund
from pgs_web.trade.order.states import CancelReason, OrderState, RefundReason
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES

EVERYWHERE = pytest.mark.django_db(databases="__all__")
WITH_THREADS = pytest.mark.django_db(databases="__all__", transaction=True)


# Sending it


@EVERYWHERE
@pytest.mark.parametrize("member_id", MEMBERS_ON_THREE_NODES)
def test_a_due_refund_is_sent_and_ends_the_order(member_id):
    payment = make_refunding(member_id=member_id)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert_refunded(payment)
    assert process_due_refunds() == {}


@EVERYWHERE
def test_the_refund_of_a_late_payment_leaves_the_order_cancelled():
    payment = make_payment()
    cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")
    pay(payment)
    make_due(payment)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert (fresh(payment).state, bank_refunds(payment)) == (PaymentState.REFUNDED, [payment.amount_fen])
    assert order_of(payment).state == OrderState.CANCELLED


@EVERYWHERE
def test_the_refund_of_a_late_payment_does_not_end_the_refund_of_the_order():
    late = make_payment()
    close_payment(payment_id=late.pk)
    paid = pay(start(order_of(late)))
    pay(late)
    start_refund(order_id=paid.order_id, reason=RefundReason.BY_OPERATOR, actor="test")
    request_refund(order_id=paid.order_id, reason="by_operator")
    make_due(late)
    Refund.objects.filter(payment_id=paid.pk).update(next_try_at=DatabaseNow(after=timedelta(hours=1)))
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert (fresh(late).state, fresh(paid).state) == (PaymentState.REFUNDED, PaymentState.SUCCEEDED)
    assert order_of(paid).state == OrderState.REFUNDING
    make_due(paid)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert order_of(paid).state == OrderState.REFUNDED
    assert fresh(paid).state == PaymentState.REFUNDED


@EVERYWHERE
def test_a_refused_refund_climbs_the_ladder_and_succeeds(settings):
    settings.REFUND_RETRY_SECONDS = [10, 100]
    payment = make_refunding()
    set_fault(kind=FaultKind.REFUND_REFUSED, times=2)
    for pause in (10, 100):
        before = now_of(payment)
        assert process_due_refunds() == {RefundState.FAILED: 1}
        refund = refund_of(payment)
        assert (refund.state, refund.last_error) == (RefundState.FAILED, "the bank's limit for today is used up")
        assert 0.75 * pause < (refund.next_try_at - before).total_seconds() < 1.25 * pause
        assert process_due_refunds() == {}
        make_due(payment)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert refund_of(payment).attempts == 3
    assert_refunded(payment)


@EVERYWHERE
def test_at_the_ladders_end_a_person_decides_and_can_let_it_go_on(settings):
    settings.REFUND_RETRY_SECONDS = [10]
    payment = make_refunding()
    set_fault(kind=FaultKind.REFUND_REFUSED, times=2)
    assert process_due_refunds() == {RefundState.FAILED: 1}
    make_due(payment)
    assert process_due_refunds() == {RefundState.MANUAL: 1}
    make_due(payment)
    assert process_due_refunds() == {}
    assert order_of(payment).state == OrderState.REFUNDING
    retry_refund(payment_id=payment.pk, refund_no=refund_of(payment).refund_no)
    make_due(payment)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert_refunded(payment)
    with pytest.raises(RefundNotManual):
        retry_refund(payment_id=payment.pk, refund_no=refund_of(payment).refund_no)


@EVERYWHERE
def test_only_a_refund_that_waits_for_a_person_can_be_tried_by_one():
    payment = make_refunding()
    with pytest.raises(RefundNotManual):
        retry_refund(payment_id=payment.pk, refund_no=refund_of(payment).refund_no)
    with pytest.raises(RefundNotManual):
        retry_refund(payment_id=payment.pk, refund_no="R1")


def test_the_ladder_has_jitter_and_an_end(settings):
    settings.REFUND_RETRY_SECONDS = [10, 100]
    pauses = {pause_after(1) for _ in range(50)}
    assert len(pauses) > 10
    assert all(timedelta(seconds=8) <= pause <= timedelta(seconds=12) for pause in pauses)
    assert pause_after(3) is None


@EVERYWHERE
def test_a_silent_gateway_that_did_it_is_asked_and_never_paid_twice(monkeypatch):
    payment = make_refunding()
    sent = []
    refund = SandboxGateway.refund
    monkeypatch.setattr(SandboxGateway, "refund", lambda self, wish: sent.append(wish) or refund(self, wish))
    set_fault(kind=FaultKind.REFUND_DONE_UNANSWERED, times=1)
    assert process_due_refunds() == {RefundState.PROCESSING: 1}
    assert bank_refunds(payment) == [payment.amount_fen]
    assert order_of(payment).state == OrderState.REFUNDING
    make_due(payment)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert len(sent) == 1
    assert_refunded(payment)


@EVERYWHERE
def test_a_silent_gateway_that_did_nothing_is_asked_and_then_paid(monkeypatch):
    payment = make_refunding()
    asked = []
    query = SandboxGateway.query_refund
    monkeypatch.setattr(
        SandboxGateway, "query_refund", lambda self, **which: asked.append(which) or query(self, **which)
    )
    set_fault(kind=FaultKind.REFUND_UNAVAILABLE, times=1)
    assert process_due_refunds() == {RefundState.PROCESSING: 1}
    assert bank_refunds(payment) == []
    assert asked == []
    make_due(payment)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert len(asked) == 1
    assert_refunded(payment)


@EVERYWHERE
def test_a_slow_refund_is_asked_about_until_it_is_done():
    payment = make_refunding()
    set_fault(kind=FaultKind.REFUND_SLOW, times=1)
    assert process_due_refunds() == {RefundState.PROCESSING: 1}
    assert fresh(payment).state == PaymentState.SUCCEEDED
    make_due(payment)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert_refunded(payment)


@EVERYWHERE
def test_death_between_the_gateway_and_the_books_pays_once(monkeypatch):
    payment = make_refunding()

    class PowerCut(BaseException):
        pass

    def cut(*_args: Any, **_facts: Any) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(refund_sending, "_finish", cut)
        with pytest.raises(PowerCut):
            process_due_refunds()
    assert bank_refunds(payment) == [payment.amount_fen]
    refund = refund_of(payment)
    assert (refund.state, refund.attempts) == (RefundState.PROCESSING, 1)
    # Not before the lease is over: the first process might still be alive.
    assert LEASE_SECONDS - 5 < (refund.next_try_at - now_of(payment)).total_seconds() <= LEASE_SECONDS
    assert process_due_refunds() == {}
    make_due(payment)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert_refunded(payment)


@EVERYWHERE
def test_death_in_the_middle_of_booking_books_nothing(monkeypatch):
    payment = make_refunding()

    class PowerCut(BaseException):
        pass

    def cut(**_facts: Any) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(refund_settling, "finish_refund", cut)
        with pytest.raises(PowerCut):
            process_due_refunds()
    assert refund_of(payment).state == RefundState.PROCESSING
    assert fresh(payment).state == PaymentState.SUCCEEDED
    make_due(payment)
    process_due_refunds()
    assert_refunded(payment)


@EVERYWHERE
def test_a_process_whose_lease_ran_out_does_not_book_over_its_successor():
    payment = make_refunding()
    refund = refund_of(payment)
    picked = refund_sending._pick_due(alias_of_id(payment.pk), 10)
    assert [row.pk for row in picked] == [refund.pk]
    make_due(payment)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    # The first one wakes up: whatever it learned, the refund is the successor's.
    assert not move_refund(refund=picked[0], to_state=RefundState.FAILED, last_error="late")
    answer = RefundAnswer(state=RefundAnswerState.SUCCEEDED, gateway_refund_no="again")
    assert refund_sending._finish(picked[0], answer) == RefundState.SUCCEEDED
    assert_refunded(payment)


@EVERYWHERE
def test_a_number_of_the_gateway_counts_for_one_refund(monkeypatch):
    first, second = make_refunding(), make_refunding()
    monkeypatch.setattr(
        SandboxGateway,
        "refund",
        lambda _self, _wish: RefundAnswer(state=RefundAnswerState.SUCCEEDED, gateway_refund_no="same"),
    )
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1, RefundState.MANUAL: 1}
    states = {order_of(payment).state for payment in (first, second)}
    assert states == {OrderState.REFUNDED, OrderState.REFUNDING}


@EVERYWHERE
def test_one_node_down_does_not_hold_up_the_others(monkeypatch):
    payments = [make_refunding(member_id=member_id) for member_id in MEMBERS_ON_THREE_NODES]
    pick = refund_sending._pick_due

    def pick_unless_down(alias: str, limit: int) -> Any:
        if alias == alias_of_id(payments[0].pk):
            raise OperationalError("down")
        return pick(alias, limit)

    monkeypatch.setattr(refund_sending, "_pick_due", pick_unless_down)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 2}
    monkeypatch.undo()
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    for payment in payments:
        assert_refunded(payment)


@EVERYWHERE
def test_one_that_breaks_our_code_holds_up_nobody_and_reaches_a_person(monkeypatch, settings):
    settings.REFUND_RETRY_SECONDS = [10]
    payments = [make_refunding(member_id=member_id) for member_id in MEMBERS_ON_THREE_NODES]
    send = refund_sending.send_refund

    def break_down(*, refund: Refund, payment: Payment) -> RefundState:
        if payment.pk == payments[0].pk:
            raise KeyError("a mistake of ours")
        return send(refund=refund, payment=payment)

    monkeypatch.setattr(refund_sending, "send_refund", break_down)
    assert process_due_refunds() == {RefundState.PROCESSING: 1, RefundState.SUCCEEDED: 2}
    make_due(payments[0])
    assert process_due_refunds() == {RefundState.MANUAL: 1}
    assert "KeyError" in refund_of(payments[0]).last_error


@EVERYWHERE
def test_no_more_than_the_limit_is_sent():
    for _ in range(3):
        make_refunding()
    assert process_due_refunds(limit=2) == {RefundState.SUCCEEDED: 2}
    assert process_due_refunds(limit=2) == {RefundState.SUCCEEDED: 1}


@WITH_THREADS
def test_four_processes_at_once_send_each_refund_once(monkeypatch):
    payments = [make_refunding() for _ in range(12)]
    sent: list[str] = []
    refund = SandboxGateway.refund
    monkeypatch.setattr(SandboxGateway, "refund", lambda self, wish: sent.append(wish.refund_no) or refund(self, wish))

    def run(_place: int) -> None:
        try:
            process_due_refunds()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(run, range(4)))
    # A row that another process was picking is passed over; it is due for the next run.
    process_due_refunds()
    assert sorted(sent) == sorted(f"R{payment.pk}" for payment in payments)
    for payment in payments:
        assert_refunded(payment)
