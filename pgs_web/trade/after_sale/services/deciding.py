"""What operators do: agree, refuse, and say that the goods are back."""

from typing import Any

from django.conf import settings
from django.db.models import Q

from pgs_web.trade.after_sale.errors import MoreThanAsked, SamePerson, refuse_state
from pgs_web.trade.after_sale.models import LONGEST_TEXT, AfterSaleRequest
from pgs_web.trade.after_sale.selectors import get_request
from pgs_web.trade.after_sale.services.door import move_request
from pgs_web.trade.after_sale.states import LESS_THAN_ASKED, UNDECIDED, RequestKind, RequestState


def approve_request(
    *, request_id: int, actor: str, amount_fen: int | None = None, answer: str = ""
) -> AfterSaleRequest:
    """Agrees to a request, or to less than was asked for: then `answer` tells the shopper why.

    What would go back counts: above AFTER_SALE_TWO_PERSONS_FEN the first to agree hands it to a second person, who
    may agree to less again. The UPDATE itself asks who was the first, so one person pressing twice at once is one
    person. Raises NotFound, WrongRequestState, SamePerson, MoreThanAsked.
    """
    request = get_request(request_id=request_id)
    less = _reduce(request, amount_fen, answer)
    amount_fen = less.get("amount_fen", request.amount_fen)
    reason = LESS_THAN_ASKED if less else ""
    if request.state == RequestState.REQUESTED and amount_fen > settings.AFTER_SALE_TWO_PERSONS_FEN:
        moved = move_request(
            request_id=request_id,
            from_states={RequestState.REQUESTED},
            to_state=RequestState.IN_REVIEW,
            actor=actor,
            reason=reason,
            endorsed_by=actor,
            **less,
        )
    else:
        is_return = request.kind == RequestKind.RETURN_AND_REFUND
        moved = move_request(
            request_id=request_id,
            # The kind never changes, the amount only together with the state: the one that was read is the only one
            # that it may be in.
            from_states=UNDECIDED & {RequestState(request.state)},
            to_state=RequestState.RETURNING if is_return else RequestState.REFUNDING,
            actor=actor,
            reason=reason,
            condition=~Q(endorsed_by=actor),
            approved_by=actor,
            **less,
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


def _reduce(request: AfterSaleRequest, amount_fen: int | None, answer: str) -> dict[str, Any]:
    """Columns of an approval of less than the request says by now; none when it is all of it."""
    if amount_fen is None or amount_fen == request.amount_fen:
        return {}
    if not 0 < amount_fen < request.amount_fen:
        raise MoreThanAsked
    return {"amount_fen": amount_fen, "asked_fen": request.asked, "answer": answer[:LONGEST_TEXT]}


def _refuse(request_id: int, actor: str) -> Exception:
    request = get_request(request_id=request_id)
    if request.state in UNDECIDED and request.endorsed_by == actor:
        return SamePerson()
    return refuse_state(request.state)
