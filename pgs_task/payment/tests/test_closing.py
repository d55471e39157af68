"""Before an order is cancelled its trade is closed; what the gateway has taken wins."""

import pytest
from django.db import OperationalError

from pgs_data.messaging.relay import Message
from pgs_task.payment.handlers import handle_order_cancelled
from pgs_task.payment.models import GatewayCall, Payment
from pgs_task.payment.sandbox_gateway.faults import set_fault
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxTrade
from pgs_task.payment.sandbox_gateway.models import TradeState as BankState
from pgs_task.payment.services import CloseOutcome, close_open_payments, close_payment
from pgs_task.payment.states import PaymentState
from pgs_task.payment.tests.making import (
    describe_notice,
    fresh,
    make_payment,
    now_of,
    order_of,
    refunds_of,
    send,
    take_at_gateway,
)
from pgs_web.trade.order.services import cancel_order
from pgs_web.trade.order.states import CancelReason, OrderState
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES, make_order

OUTAGE = OperationalError("the node is down")
pytestmark = pytest.mark.django_db(databases="__all__")


def bank_state(payment: Payment) -> str:
    return SandboxTrade.objects.get(payment_id=payment.pk).state


def cancel(payment: Payment) -> None:
    cancel_order(order_id=payment.order_id, reason=CancelReason.BY_MEMBER, actor="test")


def cancelled(payment: Payment) -> Message:
    return Message(
        id=1,
        node="node0",
        topic="order.cancelled",
        shard_key=payment.order_id,
        payload={"order_id": payment.order_id, "reason": CancelReason.BY_MEMBER.value},
        created_at=now_of(payment),
        attempts=0,
    )


def test_closing_is_done_at_the_gateway_and_here():
    payment = make_payment()
    assert close_payment(payment_id=payment.pk) == CloseOutcome.CLOSED
    assert (bank_state(payment), fresh(payment).state) == (BankState.CLOSED, PaymentState.CLOSED)
    assert fresh(payment).open_order_id is None
    assert close_payment(payment_id=payment.pk) == CloseOutcome.DECIDED


def test_a_trade_that_the_gateway_never_saw_is_closed_here():
    payment = make_payment()
    SandboxTrade.objects.all().delete()
    assert close_payment(payment_id=payment.pk) == CloseOutcome.CLOSED
    assert fresh(payment).state == PaymentState.CLOSED


def test_a_success_at_the_gateway_wins():
    payment = make_payment()
    take_at_gateway(payment)
    assert close_payment(payment_id=payment.pk) == CloseOutcome.PAID
    assert (bank_state(payment), fresh(payment).state) == (BankState.TAKEN, PaymentState.SUCCEEDED)
    assert order_of(payment).state == OrderState.TO_SHIP


def test_many_orders_on_all_nodes():
    payments = [make_payment(member_id=member_id) for member_id in MEMBERS_ON_THREE_NODES]
    paid, *unpaid = payments
    without = make_order(member_id=2)
    take_at_gateway(paid)
    report = close_open_payments(order_ids=[payment.order_id for payment in payments] + [without.pk])
    assert report.paid == [paid.order_id]
    assert sorted(report.closed) == sorted(payment.order_id for payment in unpaid)
    assert report.unknown == []
    assert [fresh(payment).state for payment in payments] == [
        PaymentState.SUCCEEDED,
        PaymentState.CLOSED,
        PaymentState.CLOSED,
    ]


def test_a_silent_gateway_leaves_the_payment_open_and_the_others_close():
    payments = [make_payment(member_id=member_id) for member_id in MEMBERS_ON_THREE_NODES]
    set_fault(kind=FaultKind.CLOSE_UNAVAILABLE, times=1)
    report = close_open_payments(order_ids=[payment.order_id for payment in payments])
    assert len(report.unknown) == 1
    assert len(report.closed) == 2
    assert sorted(fresh(payment).state for payment in payments) == ["CLOSED", "CLOSED", "WAITING"]


def test_a_node_that_is_down_leaves_its_payments_open_and_the_others_close(monkeypatch):
    payments = [make_payment(member_id=member_id) for member_id in MEMBERS_ON_THREE_NODES]
    down = payments[1]._state.db
    read = Payment.objects.on_node

    def on_node(alias):
        if alias == down:
            raise OUTAGE
        return read(alias)

    monkeypatch.setattr("pgs_task.payment.services.closing.Payment.objects.on_node", on_node)
    report = close_open_payments(order_ids=[payment.order_id for payment in payments])
    monkeypatch.undo()
    assert report.unknown == [payments[1].order_id]
    assert sorted(report.closed) == sorted([payments[0].order_id, payments[2].order_id])


def test_a_time_limit_leaves_the_rest_open():
    payments = [make_payment(), make_payment()]
    report = close_open_payments(order_ids=[payment.order_id for payment in payments], seconds=0)
    assert sorted(report.unknown) == sorted(payment.order_id for payment in payments)
    assert {bank_state(payment) for payment in payments} == {BankState.OPEN}


def test_a_cancelled_orders_payment_is_closed_by_the_outbox():
    payment = make_payment()
    cancel(payment)
    for _ in range(2):
        handle_order_cancelled([cancelled(payment)])
    assert (bank_state(payment), fresh(payment).state) == (BankState.CLOSED, PaymentState.CLOSED)
    # Its story names the cause.
    assert GatewayCall.objects.get(payment_id=payment.pk).asked_by == "order cancelled: by_member"


def test_what_was_paid_before_the_outbox_came_goes_back():
    payment = make_payment()
    take_at_gateway(payment)
    cancel(payment)
    for _ in range(2):
        handle_order_cancelled([cancelled(payment)])
    assert fresh(payment).state == PaymentState.LATE
    assert len(refunds_of(payment)) == 1
    # The notice, late as well, changes nothing more.
    trade = SandboxTrade.objects.get(payment_id=payment.pk)
    send(describe_notice(payment, trade_no=trade.trade_no))
    assert fresh(payment).state == PaymentState.LATE
    assert len(refunds_of(payment)) == 1
