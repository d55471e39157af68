"""Books what came and went at a gateway in the journal: movement and fee, in the transaction that changes the row."""

from collections.abc import Mapping
from datetime import datetime

from pgs_data.sharding.slots import alias_of_id
from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.selectors import booked_fees
from pgs_task.journal.services import Movement, record_movements
from pgs_task.payment.gateways.fees import fee_of, fee_to_return
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.states import BY_HAND


def book_taken(*, payment: Payment, cause: MovementCause, at: datetime) -> None:
    """The payment's amount and the gateway's fee of it; PAID or LATE_PAID, once a payment."""
    record_movements(movements_of_payment(payment=payment, cause=cause, at=at))


def book_given_back(*, payment: Payment, refund: Refund, at: datetime) -> None:
    """A refund that is done, and what the gateway gives back of its fee; once a refund number."""
    fees = booked_fees(alias=alias_of_id(payment.pk), references=[fee_reference(payment, refund)])
    record_movements(movements_of_refund(payment=payment, fees=fees, refund=refund, at=at))


def book_unexpected(*, payment: Payment, trade_no: str, amount_fen: int, at: datetime) -> None:
    """Money that came for a payment and can't pay it (a wrong amount, a second trade), with its fee; once a trade."""
    amounts = {
        MovementCause.UNEXPECTED_PAID: amount_fen,
        MovementCause.FEE: fee_of(gateway=payment.gateway, amount_fen=amount_fen),
    }
    reference = reference_of_trade(payment.gateway, trade_no)
    record_movements(_movements(payment, reference, amounts, at, gateway=payment.gateway))


def reference_of_trade(gateway: str, trade_no: str) -> str:
    """What the journal calls unexpected money: a trade's number is unique at its gateway only."""
    return f"{gateway}:{trade_no}"


def book_late_accepted(*, payment: Payment, at: datetime) -> None:
    """A late payment pays its order after all; once a payment."""
    amounts = {MovementCause.LATE_ACCEPTED: payment.amount_fen}
    record_movements(_movements(payment, str(payment.pk), amounts, at, gateway=payment.gateway))


def movements_of_payment(*, payment: Payment, cause: MovementCause, at: datetime) -> list[Movement]:
    """What book_taken writes."""
    fee_fen = fee_of(gateway=payment.gateway, amount_fen=payment.amount_fen)
    amounts = {cause: payment.amount_fen, MovementCause.FEE: fee_fen}
    return _movements(payment, str(payment.pk), amounts, at, gateway=payment.gateway)


def fee_reference(payment: Payment, refund: Refund) -> str:
    """Under which reference the fee of the refunded money was booked."""
    return str(payment.pk) if refund.trade_no is None else reference_of_trade(payment.gateway, refund.trade_no)


def movements_of_refund(*, payment: Payment, fees: Mapping[str, int], refund: Refund, at: datetime) -> list[Movement]:
    """What book_given_back writes when these fees are booked, by their reference."""
    is_own = refund.trade_no is None
    is_orders = is_own and payment.has_paid
    returned_fen = fee_to_return(
        gateway=payment.gateway,
        fee_fen=fees.get(fee_reference(payment, refund), 0),
        # Another trade's money is given back whole.
        paid_fen=payment.amount_fen if is_own else refund.amount_fen,
        amount_fen=refund.amount_fen,
    )
    amounts = {
        MovementCause.REFUNDED if is_orders else MovementCause.RETURNED: refund.amount_fen,
        # Of what was paid by hand the gateway knows nothing.
        MovementCause.FEE_RETURNED: 0 if refund.gateway == BY_HAND else returned_fen,
    }
    return _movements(payment, refund.refund_no, amounts, at, gateway=refund.gateway)


def _movements(
    payment: Payment, reference: str, amounts: Mapping[MovementCause, int], at: datetime, *, gateway: str
) -> list[Movement]:
    return [
        Movement(
            payment_id=payment.pk,
            order_id=payment.order_id,
            gateway=gateway,
            cause=cause,
            reference=reference,
            amount_fen=amount_fen,
            at=at,
        )
        for cause, amount_fen in amounts.items()
        if amount_fen > 0
    ]
