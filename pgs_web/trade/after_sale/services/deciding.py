"""What operators do: agree, refuse, and say that the goods are back."""

from django.conf import settings
from django.db.models import Q

from pgs_web.trade.after_sale.errors import SamePerson, refuse_state
from pgs_web.trade.after_sale.models import LONGEST_TEXT, AfterSaleRequest
from pgs_web.trade.after_sale.selectors import get_request
from pgs_web.trade.after_sale.services.door import move_request
from pgs_web.trade.after_sale.states import UNDECIDED, RequestKind, RequestState


def approve_request(*, request_id: int, actor: str) -> AfterSaleRequest:
    """Agrees to a request; above AFTER_SALE_TWO_PERSONS_FEN the first to agree hands it to a second person.

    The UPDATE itself asks who was the first, so one person pressing twice at once is one person. Raises NotFound,
    WrongRequestState, SamePerson.
    """
    request = get_request(request_id=request_id)
    if request.state == RequestState.REQUESTED and request.amount_fen > settings.AFTER_SALE_TWO_PERSONS_FEN:
        moved = move_request(
            request_id=request_id,
            from_states={RequestState.REQUESTED},
            to_state=RequestState.IN_REVIEW,
            actor=actor,
            endorsed_by=actor,
        )
    else:
        is_return = request.kind == RequestKind.RETURN_AND_REFUND
        moved = move_request(
            request_id=request_id,
            # Amount and kind never change, so the state that was read is the only one it may be in.
            from_states=UNDECIDED & {RequestState(request.state)},
            to_state=RequestState.RETURNING if is_return else RequestState.REFUNDING,
            actor=actor,
            condition=~Q(endorsed_by=actor),
            approved_by=actor,
        )
    if moved is None:
        raise _refuse(request_id, actor)
    return moved


def refuse_request(*, request_id: int, actor: str, answer: str) -> AfterSaleRequest:
    """Says no, also after a return; `answer` is told to the shopper. Raises NotFound, WrongRequestState."""
    moved = move_request(
        request_id=request_id,
        from_states={*UNDECIDED, RequestState.RETURNING},
        to_state=RequestState.REFUSED,
        actor=actor,
        reason=answer[:LONGEST_TEXT],
        answer=answer[:LONGEST_TEXT],
    )
    if moved is None:
        raise refuse_state(get_request(request_id=request_id).state)
    return moved


def receive_goods(*, request_id: int, actor: str) -> AfterSaleRequest:
    """The goods are back and as they should be: the money goes back. Raises NotFound, WrongRequestState."""
    moved = move_request(
        request_id=request_id,
        from_states={RequestState.RETURNING},
        to_state=RequestState.REFUNDING,
        actor=actor,
        reason="goods_received",
    )
    if moved is None:
        raise refuse_state(get_request(request_id=request_id).state)
    return moved


def _refuse(request_id: int, actor: str) -> Exception:
    request = get_request(request_id=request_id)
    if request.state in UNDECIDED and request.endorsed_by == actor:
        return SamePerson()
    return refuse_state(request.state)
