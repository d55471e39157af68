"""Books what a payment took and gave back in the journal: movement and fee, in the transaction that changes the row."""

from datetime import datetime

from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.selectors import moved_by_cause
from pgs_task.journal.services import Movement, record_movements
from pgs_task.payment.gateways.fees import fee_of, fee_to_return
from pgs_task.payment.models import Payment, Refund


def book_taken(*, payment: Payment, cause: MovementCause, at: datetime) -> None:
    """The payment's amount and the gateway's fee of it; PAID or LATE_PAID, once a payment."""
    record_movements(movements_of_payment(payment=payment, cause=cause, at=at))


def book_given_back(*, payment: Payment, refund: Refund, at: datetime) -> None:
    """A refund that is done, and what the gateway gives back of its fee; once a refund number.

    Call it under the payment's lock: the part of the fee depends on the refunds before.
    """
    moved = moved_by_cause(payment_id=payment.pk)
    record_movements(movements_of_refund(payment=payment, moved=moved, refund=refund, at=at))


def movements_of_payment(*, payment: Payment, cause: MovementCause, at: datetime) -> list[Movement]:
    """What book_taken writes."""
    reference = str(payment.pk)
    fee_fen = fee_of(gateway=payment.gateway, amount_fen=payment.amount_fen)
    amounts = {cause: payment.amount_fen, MovementCause.FEE: fee_fen}
    return _movements(payment, reference, amounts, at)


def movements_of_refund(
    *, payment: Payment, moved: dict[MovementCause, int], refund: Refund, at: datetime
) -> list[Movement]:
    """What book_given_back writes, when `moved` has moved for the payment before."""
    if refund.trade_no is not None:
        # Money of another trade: it paid no order, and the payment's fee isn't its own.
        return _movements(payment, refund.refund_no, {MovementCause.RETURNED: refund.amount_fen}, at)
    cause = MovementCause.RETURNED if payment.paid_order_id is None else MovementCause.REFUNDED
    fee_fen = fee_to_return(
        gateway=payment.gateway,
        fee_fen=moved.get(MovementCause.FEE, 0),
        paid_fen=payment.amount_fen,
        refunded_fen=moved.get(cause, 0) + refund.amount_fen,
        returned_fen=moved.get(MovementCause.FEE_RETURNED, 0),
    )
    return _movements(payment, refund.refund_no, {cause: refund.amount_fen, MovementCause.FEE_RETURNED: fee_fen}, at)


def _movements(payment: Payment, reference: str, amounts: dict[MovementCause, int], at: datetime) -> list[Movement]:
    return [
        Movement(
            payment_id=payment.pk,
            order_id=payment.order_id,
            gateway=payment.gateway,
            cause=cause,
            reference=reference,
            amount_fen=amount_fen,
            at=at,
        )
        for cause, amount_fen in amounts.items()
        if amount_fen > 0
    ]
