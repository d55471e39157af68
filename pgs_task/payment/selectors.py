"""Reads of payments and refunds, for their shopper and for the checks."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.states import RefundState
from pgs_web.api.errors import NotFound
from pgs_web.trade.intake.selectors import get_own_order
from pgs_web.trade.order.dues import DuePurpose
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.money import MoneyOfOrder, PaymentOfOrder, RefundOfOrder, RefundStage

# Of one order, to its shopper.
PAYMENTS_SHOWN = 50
STAGES: dict[RefundState, RefundStage] = {
    RefundState.WAITING: RefundStage.REQUESTED,
    # Whether the gateway was asked once or a person has to help: it is ours to send.
    RefundState.FAILED: RefundStage.REQUESTED,
    RefundState.MANUAL: RefundStage.REQUESTED,
    RefundState.PROCESSING: RefundStage.SENT,
    RefundState.SUCCEEDED: RefundStage.DONE,
}
STAGE_TEXTS: dict[RefundStage, Any] = {
    RefundStage.REQUESTED: _("We are sending your money back."),
    RefundStage.SENT: _("Where you paid, they are sending your money back."),
    RefundStage.DONE: _("Your money is back."),
}


def get_payment(*, payment_id: int, member_id: int) -> Payment:
    """The member's payment with the database's time as `now`; raises NotFound, also for another member's."""
    payment = Payment.objects.filter(pk=payment_id, member_id=member_id).annotate(now=DatabaseNow()).first()
    if payment is None:
        raise NotFound
    return payment


def read_money_of_order(order: Order) -> MoneyOfOrder:
    """The order's payments and refunds as its shopper is told; two index reads on its node."""
    alias = alias_of_id(order.pk)
    rows = list(Payment.objects.on_node(alias).filter(order_id=order.pk).order_by("-pk")[:PAYMENTS_SHOWN])
    refunds = Refund.objects.on_node(alias).filter(order_id=order.pk).order_by("pk")[:PAYMENTS_SHOWN]
    return MoneyOfOrder(
        payment=_payment_for(DuePurpose.ORDER, rows),
        surcharge_payment=_payment_for(DuePurpose.SURCHARGE, rows),
        refunds=[_refund_of_order(refund) for refund in refunds] if rows else [],
    )


def has_payment(order: Order) -> bool:
    """Whether a payment of the order was ever opened, at the amount that the order had then.

    A closed one counts: its gateway may still say that it took the money.
    """
    return Payment.objects.on_node(alias_of_id(order.pk)).filter(order_id=order.pk).exists()


def stage_of(refund: Refund) -> RefundStage:
    """How far a refund is, as its shopper sees it."""
    return STAGES[RefundState(refund.state)]


def refunds_of_order(*, order_id: int, member_id: int) -> QuerySet[Refund]:
    """The refunds of the member's order, none while it isn't written down yet; raises NotFound."""
    get_own_order(member_id=member_id, order_id=order_id)
    return Refund.objects.on_node(alias_of_id(order_id)).filter(order_id=order_id).annotate(now=DatabaseNow())


def _payment_for(purpose: DuePurpose, payments: Sequence[Payment]) -> PaymentOfOrder | None:
    """Of payments, the newest first: the one that paid, else the open one, else the newest."""
    candidates = [payment for payment in payments if payment.purpose == purpose]
    candidates.sort(key=lambda one: (not one.has_paid, one.open_order_id is None))
    return _payment_of_order(candidates[0]) if candidates else None


def _payment_of_order(payment: Payment) -> PaymentOfOrder:
    return PaymentOfOrder(
        payment_id=payment.pk,
        gateway=payment.gateway,
        state=payment.state,
        amount_fen=payment.amount_fen,
        refunded_fen=payment.refunded_fen,
        expires_at=payment.expires_at,
        paid_at=payment.paid_at,
    )


def _refund_of_order(refund: Refund) -> RefundOfOrder:
    stage = stage_of(refund)
    return RefundOfOrder(
        refund_no=refund.refund_no,
        amount_fen=refund.amount_fen,
        reason=refund.reason,
        stage=stage,
        stage_text=str(STAGE_TEXTS[stage]),
        latest_by=refund.latest_by,
        finished_at=refund.finished_at,
    )
