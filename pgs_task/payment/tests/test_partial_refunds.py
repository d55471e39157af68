"""Several refunds of one payment: each under its own number, together never more than was paid."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.errors import NothingToRefund
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.services import process_due_refunds, request_partial_refund, request_refund
from pgs_task.payment.services import refunds as making
from pgs_task.payment.services.moves import MovedMeanwhile, lock_payment
from pgs_task.payment.services.refunds import insert_refund
from pgs_task.payment.states import PaymentState, RefundState
from pgs_task.payment.tests.making import (
    fresh,
    make_due,
    make_payment,
    now_of,
    order_of,
    pay,
    refunds_of,
    topics_of,
)
from pgs_task.payment.tests.refunding import bank_refunds
from pgs_task.reconciliation.checks.money import money_matches_state, paid_means_paid, refunds_within_payment
from pgs_web.trade.order.services import mark_shipped, start_refund
from pgs_web.trade.order.states import OrderState, RefundReason

EVERYWHERE = pytest.mark.django_db(databases="__all__")
WITH_THREADS = pytest.mark.django_db(databases="__all__", transaction=True)


def make_shipped() -> Payment:
    """A payment of 990 fen whose order has left the house."""
    payment = pay(make_payment())
    mark_shipped(order_ids=[payment.order_id])
    return payment


def ask(payment: Payment, sequence: int, amount_fen: int) -> Refund:
    (refund,) = request_partial_refund(
        order_id=payment.order_id,
        request_id=1000 + sequence,
        sequence=sequence,
        amount_fen=amount_fen,
        reason="after_sale",
    )
    return refund


def give_back(payment: Payment) -> None:
    make_due(payment)
    process_due_refunds()


def offences() -> list[str]:
    checks = (money_matches_state, refunds_within_payment, paid_means_paid)
    return [line for check in checks for line in check.find_offenders()]


@EVERYWHERE
def test_parts_go_back_under_their_own_numbers_and_leave_the_order_as_it_is():
    payment = make_shipped()
    for _again in range(2):
        assert ask(payment, 1, 300).refund_no == f"R{payment.pk}-1"
    give_back(payment)
    assert (fresh(payment).state, fresh(payment).refunded_fen) == (PaymentState.SUCCEEDED, 300)
    assert offences() == []
    ask(payment, 2, 690)
    give_back(payment)
    assert bank_refunds(payment) == [300, 690]
    assert (fresh(payment).state, fresh(payment).refunded_fen) == (PaymentState.REFUNDED, 990)
    # What left the house stays sold: the order isn't REFUNDED, and no unit goes back.
    assert order_of(payment).state == OrderState.SHIPPED
    assert "order.refunded" not in topics_of(payment)
    assert offences() == []


@EVERYWHERE
@pytest.mark.parametrize("first", ["part", "rest"])
def test_the_whole_refund_after_a_part_gives_back_the_rest_and_ends_with_the_last(first):
    payment = make_shipped()
    part = ask(payment, 1, 300)
    start_refund(order_id=payment.order_id, reason=RefundReason.RISK, actor="test", from_states={OrderState.SHIPPED})
    rest = request_refund(order_id=payment.order_id, reason="risk")
    assert (rest.refund_no, rest.amount_fen) == (f"R{payment.pk}", 690)
    order = [part, rest] if first == "part" else [rest, part]
    for refund in order:
        assert order_of(payment).state == OrderState.REFUNDING
        Refund.objects.filter(payment_id=payment.pk, pk=refund.pk).update(
            next_try_at=rest.created_at - timedelta(seconds=1)
        )
        others = Refund.objects.filter(payment_id=payment.pk).exclude(pk=refund.pk)
        others.exclude(state=RefundState.SUCCEEDED).update(next_try_at=refund.latest_by)
        assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert order_of(payment).state == OrderState.REFUNDED
    assert topics_of(payment).count("order.refunded") == 1
    assert fresh(payment).state == PaymentState.REFUNDED
    assert offences() == []


@EVERYWHERE
@pytest.mark.parametrize("is_done_first", [True, False])
def test_when_parts_took_all_the_whole_refund_sends_nothing_and_the_order_ends(is_done_first):
    payment = make_shipped()
    ask(payment, 1, 990)
    if is_done_first:
        give_back(payment)
    start_refund(order_id=payment.order_id, reason=RefundReason.RISK, actor="test", from_states={OrderState.SHIPPED})
    assert request_refund(order_id=payment.order_id, reason="risk").refund_no == f"R{payment.pk}-1"
    give_back(payment)
    assert bank_refunds(payment) == [990]
    assert order_of(payment).state == OrderState.REFUNDED


@EVERYWHERE
def test_a_part_beyond_what_is_left_is_refused_and_promises_nothing():
    payment = make_shipped()
    ask(payment, 1, 300)
    with pytest.raises(MovedMeanwhile):
        ask(payment, 2, 691)
    assert fresh(payment).refunded_fen == 300
    assert len(refunds_of(payment)) == 1
    with pytest.raises(ValueError, match="another amount"):
        ask(payment, 1, 301)
    unpaid = make_payment(member_id=251)
    with pytest.raises(NothingToRefund):
        ask(unpaid, 1, 1)


@EVERYWHERE
def test_money_of_another_trade_goes_back_beside_the_payment(monkeypatch):
    payment = pay(make_payment())
    sent = []
    refund = SandboxGateway.refund
    monkeypatch.setattr(SandboxGateway, "refund", lambda self, wish: sent.append(wish) or refund(self, wish))

    def give(**changes):
        facts = {"amount_fen": 5000, "trade_no": "t-2", "refund_no": f"R{payment.pk}-T1", **changes}
        with node_transaction(payment.pk):
            locked = lock_payment(payment_id=payment.pk)
            return insert_refund(payment=locked, reason="anomaly_second_trade", now=now_of(payment), **facts)

    assert give().pk == give().pk
    for wrong in ({"trade_no": "t-3"}, {"amount_fen": None, "refund_no": "x"}, {"refund_no": f"R{payment.pk}"}):
        with pytest.raises(ValueError, match="number"):
            give(**wrong)
    give_back(payment)
    assert [(wish.trade_no, wish.amount_fen, wish.paid_fen) for wish in sent] == [("t-2", 5000, 5000)]
    assert fresh(payment).refunded_fen == 0
    assert order_of(payment).state == OrderState.TO_SHIP
    assert offences() == []
    # All of the payment's own money can still go back.
    start_refund(order_id=payment.order_id, reason=RefundReason.BY_OPERATOR, actor="test")
    assert request_refund(order_id=payment.order_id, reason="by_operator").amount_fen == 990


@pytest.mark.slow
@WITH_THREADS
@pytest.mark.parametrize("is_guarded", [True, False])
def test_parts_and_the_whole_at_once_promise_what_was_paid(is_guarded, monkeypatch):
    if not is_guarded:
        # The negative control: who reads what is left and writes without asking again promises too much.
        monkeypatch.setattr(making, "_promise", lambda payments, amount_fen=None: {payments[0].pk: amount_fen or 990})
    payment = make_shipped()
    gate = threading.Barrier(4)

    def run(place: int) -> None:
        try:
            gate.wait(timeout=10)
            if place == 0:
                request_refund(order_id=payment.order_id, reason="risk")
            else:
                ask(payment, place, 400)
        except MovedMeanwhile:
            pass
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(run, range(4)))
    promised = sum(refund.amount_fen for refund in refunds_of(payment))
    assert (promised == 990) is is_guarded
