"""Payments that come after their order's cancellation: the money goes back, or waits for a decision about the order."""

from datetime import datetime, timedelta

from django.conf import settings

from pgs_data.clock import database_now
from pgs_data.messaging.outbox import append_message
from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.messages import PaymentTopic
from pgs_task.payment.models import Payment
from pgs_task.payment.services.books import book_late_accepted
from pgs_task.payment.services.moves import lock_payment, move_payment
from pgs_task.payment.services.refunds import insert_refund
from pgs_task.payment.states import PaymentState
from pgs_web.trade.coupon.selectors import has_promised_price
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.services import revive_order, set_decide_by
from pgs_web.trade.order.states import CancelReason, OrderState
from pgs_web.trade.order.wishes import OnLatePayment

# Reason of the refund of a late payment.
LATE_REASON = "late_payment"
# Whoever cancelled otherwise, shopper or operator, didn't want the order.
RETRIED_REASONS = frozenset({CancelReason.UNPAID, CancelReason.GROUP_FAILED})


def settle_late_payment(*, payment: Payment, order: Order | None, now: datetime) -> None:
    """Sends the money of a LATE payment back, or asks for a decision (`payment.late`) where the shopper wished for it.

    Call it in the node transaction that books the money, under the locks of order and payment. Until the decision the
    payment is LATE without a refund, and `decide_by` of the order says how long at most.
    """
    if order is None or not _is_worth_a_try(order):
        insert_refund(payment=payment, reason=LATE_REASON, now=now)
        return
    decide_by = now + timedelta(seconds=settings.RESCUE_WITHIN_SECONDS)
    set_decide_by(alias=alias_of_id(order.pk), order_ids=[order.pk], decide_by=decide_by)
    append_message(
        topic=PaymentTopic.LATE, shard_key=order.pk, payload={"payment_id": payment.pk, "order_id": order.pk}
    )


def accept_late_payment(*, payment_id: int, order_id: int, group_id: int | None) -> Order | None:
    """Lets a LATE payment pay its order after all, which is taken up again; None when either has gone another way.

    Call it in a node transaction that holds the order's lock; a None must roll it back.
    """
    late = Payment.objects.filter(pk=payment_id, state=PaymentState.LATE)
    # Once it is set it doesn't change; what else is said of the payment is looked at under its lock.
    paid_at = late.values_list("paid_at", flat=True).first()
    if paid_at is None:
        return None
    # The order's coupons, which it takes again, are locked before the payment (docs/adr/0027).
    order = revive_order(order_id=order_id, paid_at=paid_at, group_id=group_id)
    if order is None:
        return None
    payment = lock_payment(payment_id=payment_id)
    if payment.state != PaymentState.LATE or payment.refunded_fen:
        return None
    move_payment(payment=payment, to_state=PaymentState.SUCCEEDED, paid_order_id=order_id)
    book_late_accepted(payment=payment, at=database_now(alias_of_id(order_id)))
    return order


def return_late_payment(*, payment_id: int) -> None:
    """Sends a LATE payment's money back: the order isn't taken up again. Once; call it as accept_late_payment."""
    payment = lock_payment(payment_id=payment_id)
    if payment.state == PaymentState.LATE:
        insert_refund(payment=payment, reason=LATE_REASON, now=database_now(alias_of_id(payment_id)))


def _is_worth_a_try(order: Order) -> bool:
    return (
        order.told.on_late_payment is OnLatePayment.RETRY
        and order.state == OrderState.CANCELLED
        and order.reason in RETRIED_REASONS
        # One payment at a time: another one that comes late, too, goes back.
        and order.decide_by is None
        and not _may_have_lost_its_right(order)
    )


def _may_have_lost_its_right(order: Order) -> bool:
    """A pass to buy alone is a game's, whose right can end. Only its promised price, taken back for good by then, would
    keep the order from what another member has a right to by now.
    """
    return order.told.by_pass and order.mode == OrderMode.ALONE and not has_promised_price(order_id=order.pk)
