"""Whoever asks, money is promised once a payment and never beyond it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import DatabaseError, connections

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.errors import NothingToRefund
from pgs_task.payment.handlers import handle_order_refunding
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.sandbox_gateway.models import SandboxTrade
from pgs_task.payment.services import (
    RefundWish,
    process_due_refunds,
    request_refund,
    request_refunds,
)
from pgs_task.payment.services.moves import MovedMeanwhile, lock_payment, move_payment, move_refund
from pgs_task.payment.services.refunds import insert_refund
from pgs_task.payment.states import PaymentState, RefundState
from pgs_task.payment.tests.making import (
    fresh,
    make_payment,
    now_of,
    pay,
    refunds_of,
)
from pgs_task.payment.tests.refunding import bank_refunds, make_refunding, refund_of, refunding
from pgs_web.trade.order.services import cancel_order
from pgs_web.trade.order.states import CancelReason
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES

EVERYWHERE = pytest.mark.django_db(databases="__all__")
WITH_THREADS = pytest.mark.django_db(databases="__all__", transaction=True)


# Asking for it


@EVERYWHERE
def test_the_outbox_makes_one_refund_an_order_on_all_nodes():
    payments = [pay(make_payment(member_id=member_id)) for member_id in MEMBERS_ON_THREE_NODES]
    messages = [refunding(payment) for payment in payments]
    handle_order_refunding(messages + messages)
    handle_order_refunding(messages[:1])
    for payment in payments:
        refund = refund_of(payment)
        assert (refund.refund_no, refund.amount_fen) == (f"R{payment.pk}", payment.amount_fen)
        assert (refund.reason, refund.state) == ("group_failed", RefundState.WAITING)
        assert refund.latest_by - refund.created_at == timedelta(days=1)
        assert fresh(payment).refunded_fen == payment.amount_fen


@EVERYWHERE
def test_an_order_without_a_payment_has_nothing_to_refund_and_holds_up_its_batch_only():
    paid, unpaid = pay(make_payment()), make_payment()
    with pytest.raises(NothingToRefund):
        request_refunds(wishes=[RefundWish(order_id=payment.order_id, reason="x") for payment in (paid, unpaid)])
    assert refunds_of(paid) == []
    assert fresh(paid).refunded_fen == 0


@EVERYWHERE
def test_a_late_payment_is_not_the_orders_payment():
    payment = make_payment()
    cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")
    pay(payment)
    with pytest.raises(NothingToRefund):
        request_refund(order_id=payment.order_id, reason="group_failed")


@EVERYWHERE
@pytest.mark.parametrize("changes", [{"refunded_fen": 990}, {"state": PaymentState.WAITING}])
def test_more_than_was_paid_cannot_be_promised(changes):
    payment = pay(make_payment())
    Payment.objects.filter(pk=payment.pk).update(**changes)
    with pytest.raises(MovedMeanwhile), node_transaction(payment.pk):
        insert_refund(payment=lock_payment(payment_id=payment.pk), reason="x", now=now_of(payment))
    assert refunds_of(payment) == []


@WITH_THREADS
def test_three_causes_at_once_make_one_refund():
    for _ in range(5):
        payment = pay(make_payment())
        gate = threading.Barrier(3)

        def ask(reason: str, payment: Payment = payment, gate: threading.Barrier = gate) -> str:
            try:
                gate.wait(timeout=10)
                return request_refund(order_id=payment.order_id, reason=reason).refund_no
            finally:
                connections.close_all()

        with ThreadPoolExecutor(max_workers=3) as pool:
            numbers = set(pool.map(ask, ["by_member", "group_failed", "by_operator"]))
        assert numbers == {f"R{payment.pk}"}
        assert len(refunds_of(payment)) == 1
        assert fresh(payment).refunded_fen == payment.amount_fen


# The doors


@EVERYWHERE
def test_a_payment_moves_only_as_its_table_allows_and_only_from_where_it_was_read():
    payment = make_payment()
    with pytest.raises(ValueError, match="No payment goes from WAITING to REFUNDED"):
        move_payment(payment=payment, to_state=PaymentState.REFUNDED)
    stale = fresh(payment)
    move_payment(payment=payment, to_state=PaymentState.CLOSED)
    with pytest.raises(MovedMeanwhile):
        move_payment(payment=stale, to_state=PaymentState.SUCCEEDED)
    assert fresh(payment).state == PaymentState.CLOSED


@EVERYWHERE
def test_a_refund_moves_only_as_its_table_allows():
    payment = make_refunding()
    with pytest.raises(ValueError, match="No refund goes from WAITING to SUCCEEDED"):
        move_refund(refund=refund_of(payment), to_state=RefundState.SUCCEEDED)


@EVERYWHERE
def test_the_database_refuses_refunds_beyond_the_payment():
    payment = pay(make_payment())
    # SQLite calls it an IntegrityError, MariaDB an OperationalError.
    with pytest.raises(DatabaseError, match=r"(?i)constraint"), node_transaction(payment.pk):
        Payment.objects.filter(pk=payment.pk).update(refunded_fen=payment.amount_fen + 1)


@EVERYWHERE
def test_the_bank_refunds_no_more_than_it_took():
    payment = make_refunding()
    SandboxTrade.objects.filter(payment_id=payment.pk).update(refunded_fen=1)
    assert process_due_refunds() == {RefundState.FAILED: 1}
    assert bank_refunds(payment) == []


@EVERYWHERE
def test_nothing_due_costs_one_read_a_node(django_assert_num_queries):
    payment = make_refunding()
    Refund.objects.filter(payment_id=payment.pk).update(next_try_at=DatabaseNow(after=timedelta(hours=1)))
    for alias in (alias_of_id(payment.pk), "default"):
        with django_assert_num_queries(1 if alias != "default" else 0, using=alias):
            process_due_refunds()
