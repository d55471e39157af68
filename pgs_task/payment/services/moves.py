"""The doors of the states of payments and refunds, and the locks before them.

Rows are locked in one order everywhere: order, payment, refund, notice. No two transactions here can wait for each
other in a circle.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.states import PAYMENT_MOVES, REFUND_MOVES, PaymentState, RefundState
from pgs_web.trade.order.models import Order


class MovedMeanwhile(RuntimeError):
    """A locked row was changed by somebody else: the database doesn't lock as it should; all was rolled back."""


def lock_order(*, order_id: int) -> Order | None:
    """The order's row, locked until the node transaction around ends; all that is decided about its money waits here.

    SQLite has no row locks and needs none: its transaction began with BEGIN IMMEDIATE, there is no second writer.
    """
    return Order.objects.select_for_update().filter(pk=order_id).first()


def lock_payment(*, payment_id: int) -> Payment:
    """The payment's row, locked until the node transaction around ends; raises Payment.DoesNotExist."""
    return Payment.objects.select_for_update().get(pk=payment_id)


def move_payment(*, payment: Payment, to_state: PaymentState, **changes: Any) -> None:
    """Moves a payment from the state it was read in; raises MovedMeanwhile when it is in another one by now."""
    from_state = PaymentState(payment.state)
    if to_state not in PAYMENT_MOVES[from_state]:
        raise ValueError(f"No payment goes from {from_state} to {to_state}.")
    # Whatever a payment becomes, it isn't open any more.
    changes = {"state": to_state, "open_order_id": None, **changes}
    if Payment.objects.filter(pk=payment.pk, state=from_state).update(**changes) != 1:
        raise MovedMeanwhile(f"Payment {payment.pk} isn't {from_state} any more.")
    for field, value in changes.items():
        setattr(payment, field, value)


def ask_after_closing(*, now: datetime) -> dict[str, Any]:
    """What else changes with a payment that is closed: it may be paid all the same, so it is asked about."""
    return {"next_query_at": now + timedelta(seconds=settings.PAYMENT_CLOSED_QUERY_SECONDS[0]), "query_count": 0}


def move_refund(*, refund: Refund, to_state: RefundState, **changes: Any) -> bool:
    """Moves a refund from the state and attempt it was read in; False when somebody else has moved it since."""
    from_state = RefundState(refund.state)
    if to_state != from_state and to_state not in REFUND_MOVES[from_state]:
        raise ValueError(f"No refund goes from {from_state} to {to_state}.")
    rows = Refund.objects.on_node(alias_of_id(refund.payment_id)).filter(
        pk=refund.pk, state=from_state, attempts=refund.attempts
    )
    return rows.update(state=to_state, **changes) == 1


def clamp(moment: datetime, *, earliest: datetime, latest: datetime) -> datetime:
    """The moment, within the bounds: a gateway's clock may be off, ours decides what is possible."""
    return max(earliest, min(moment, latest))
