"""What a gateway keeps of a payment: basis points, rounded half up to the fen; 5 of 1000 fen at 45 basis points."""

from django.conf import settings

from pgs_task.payment.configuration.memory import current_configuration

BASIS_POINTS = 10_000


def fee_of(*, gateway: str, amount_fen: int) -> int:
    """The fee for taking an amount at today's rate, in fen."""
    return _share(amount_fen, current_configuration().switches_of(gateway).fee_basis_points, BASIS_POINTS)


def fee_to_return(*, gateway: str, fee_fen: int, paid_fen: int, refunded_fen: int, returned_fen: int) -> int:
    """What the gateway gives back of a fee after `refunded_fen` of a payment went back, of it `returned_fen` before.

    In proportion, counted from what it may keep, so that parts add up: after the last refund all of the fee is back.
    0 where the gateway keeps its fees.
    """
    if gateway not in settings.PAYMENT_FEES_RETURNED_BY or paid_fen <= 0:
        return 0
    kept_fen = _share(max(paid_fen - refunded_fen, 0), fee_fen, paid_fen)
    return max(fee_fen - kept_fen - returned_fen, 0)


def _share(amount_fen: int, part: int, whole: int) -> int:
    return (2 * amount_fen * part + whole) // (2 * whole)
