"""What follows when money is back: its after-sale request is done; payment and order say so when all of it is."""

import structlog
from django.db.models import Sum

from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.services.moves import move_payment
from pgs_task.payment.states import PaymentState, RefundState
from pgs_web.trade.after_sale.services import finish_request
from pgs_web.trade.order.services import finish_refund

log = structlog.get_logger(__name__)


def settle_refund(*, payment: Payment, refund: Refund) -> None:
    """Books what follows from a refund that has just SUCCEEDED, inside the caller's node transaction.

    The caller holds the locks of order and payment. Money of another trade never paid anything: nothing follows.
    """
    if refund.request_id is not None and not _has_open_parts(refund.request_id, order_id=refund.order_id):
        finish_request(request_id=refund.request_id)
    if refund.trade_no is not None or _returned_fen(payment) < payment.amount_fen:
        return
    move_payment(payment=payment, to_state=PaymentState.REFUNDED)
    if not payment.has_paid or _has_unreturned(payment) or finish_refund(order_id=payment.order_id):
        return
    if refund.request_id is None:
        # The money went back all the same; invariant M1 will name the order.
        log.error("refund_of_order_not_refunding", order_id=payment.order_id, payment_id=payment.pk)


def _has_open_parts(request_id: int, *, order_id: int) -> bool:
    """Whether another payment still has to give back its part of an after-sale request."""
    parts = Refund.objects.on_node(alias_of_id(order_id)).filter(order_id=order_id, request_id=request_id)
    return parts.exclude(state=RefundState.SUCCEEDED).exists()


def _has_unreturned(payment: Payment) -> bool:
    """Whether the order has another payment of which not all is back; the order's lock lets nobody else end it."""
    others = Payment.objects.on_node(alias_of_id(payment.pk)).filter(order_id=payment.order_id)
    paying = others.exclude(paid_order_id=None, surcharge_order_id=None)
    return paying.exclude(pk=payment.pk).exclude(state=PaymentState.REFUNDED).exists()


def _returned_fen(payment: Payment) -> int:
    done = Refund.objects.filter(payment_id=payment.pk, trade_no=None, state=RefundState.SUCCEEDED)
    returned: int | None = done.aggregate(fen=Sum("amount_fen"))["fen"]
    return returned or 0
