"""What a gateway keeps of a payment: basis points, rounded half up to the fen; 5 of 1000 fen at 45 basis points."""

from django.conf import settings

from pgs_task.payment.configuration.memory import current_configuration

BASIS_POINTS = 10_000


def fee_of(*, gateway: str, amount_fen: int) -> int:
    """The fee for taking an amount at today's rate, in fen."""
    return _share(amount_fen, current_configuration().switches_of(gateway).fee_basis_points, BASIS_POINTS)


def fee_to_return(*, gateway: str, fee_fen: int, paid_fen: int, amount_fen: int) -> int:
    """What the gateway gives back of its fee of a payment when `amount_fen` of it go back, in fen.

    In proportion and rounded down, each refund by itself: whoever books them first, parts never give back more than the
    fee, and the whole gives back all of it. 0 where the gateway keeps its fees.
    """
    if gateway not in settings.PAYMENT_FEES_RETURNED_BY:
        return 0
    return fee_fen * min(amount_fen, paid_fen) // paid_fen


def _share(amount_fen: int, part: int, whole: int) -> int:
    return (2 * amount_fen * part + whole) // (2 * whole)
