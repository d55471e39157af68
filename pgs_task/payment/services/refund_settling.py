"""What follows when money is back: its after-sale request is done; payment and order say so when all of it is."""

import structlog
from django.db.models import Sum

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
    if refund.request_id is not None:
        finish_request(request_id=refund.request_id)
    if refund.trade_no is not None or _returned_fen(payment) < payment.amount_fen:
        return
    move_payment(payment=payment, to_state=PaymentState.REFUNDED)
    if payment.paid_order_id is None or finish_refund(order_id=payment.paid_order_id):
        return
    if refund.request_id is None:
        # The money went back all the same; invariant M1 will name the order.
        log.error("refund_of_order_not_refunding", order_id=payment.order_id, payment_id=payment.pk)


def _returned_fen(payment: Payment) -> int:
    done = Refund.objects.filter(payment_id=payment.pk, trade_no=None, state=RefundState.SUCCEEDED)
    returned: int | None = done.aggregate(fen=Sum("amount_fen"))["fen"]
    return returned or 0
