"""Refunds that are due, and what must be true when one is done."""

from typing import Any

from pgs_data.messaging.relay import Message
from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.sandbox_gateway.models import SandboxRefund
from pgs_task.payment.services import (
    request_refund,
)
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
from pgs_web.trade.order.services import start_refund
from pgs_web.trade.order.states import OrderState, RefundReason


def make_refunding(**order: Any) -> Payment:
    """A paid payment whose order is REFUNDING and whose refund is due."""
    payment = pay(make_payment(**order))
    assert start_refund(order_id=payment.order_id, reason=RefundReason.BY_OPERATOR, actor="test") is not None
    request_refund(order_id=payment.order_id, reason="by_operator")
    make_due(payment)
    return payment


def refund_of(payment: Payment) -> Refund:
    (refund,) = refunds_of(payment)
    return refund


def bank_refunds(payment: Payment) -> list[int]:
    return [refund.amount_fen for refund in SandboxRefund.objects.filter(payment_id=payment.pk)]


def assert_refunded(payment: Payment) -> None:
    refund, now = refund_of(payment), fresh(payment)
    assert (refund.state, refund.last_error) == (RefundState.SUCCEEDED, "")
    assert refund.gateway_refund_no == f"SBR{refund.refund_no}"
    assert refund.created_at <= refund.finished_at <= now_of(payment)
    assert (now.state, now.refunded_fen) == (PaymentState.REFUNDED, payment.amount_fen)
    assert bank_refunds(payment) == [payment.amount_fen]
    assert order_of(payment).state == OrderState.REFUNDED
    assert topics_of(payment).count("order.refunded") == 1


def refunding(payment: Payment, reason: str = "group_failed") -> Message:
    return Message(
        id=1,
        node=alias_of_id(payment.pk),
        topic="order.refunding",
        shard_key=payment.order_id,
        payload={"order_id": payment.order_id, "reason": reason, "amount_fen": payment.amount_fen},
        created_at=now_of(payment),
        attempts=0,
    )
