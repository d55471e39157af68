"""Money goes back for which nobody asked: a game rewards an order."""

from pgs_web.trade.after_sale.errors import RequestOpen
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.services.asking import RequestWish, open_request
from pgs_web.trade.after_sale.states import RequestCause, RequestKind, RequestState


def grant_refund(*, order_id: int, amount_fen: int, actor: str) -> AfterSaleRequest:
    """A part of what an order that has left cost goes back, or all of it; payment sends it, as of any request.

    Call it in the node transaction of the fact that it is for, whose own guard makes it once. Raises RequestOpen while
    another request of the order is open, WrongState for one that hasn't left, AmountTooLarge when less is left,
    TooManyRequestsOfOrder, Unavailable.
    """
    wish = RequestWish(kind=RequestKind.REFUND_ONLY, cause=RequestCause.REWARD, amount_fen=amount_fen)
    request, is_new = open_request(
        order_id=order_id, wish=wish, state=RequestState.REFUNDING, actor=actor, approved_by=actor
    )
    if not is_new:
        raise RequestOpen
    return request
