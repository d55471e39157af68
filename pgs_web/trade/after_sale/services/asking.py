"""What shoppers do: ask, say that the goods are on their way back, and take a request back."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from pgs_data.clock import database_now
from pgs_data.ids.snowflake import IdSourceUnavailable, new_id
from pgs_data.sharding.slots import slot_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import Unavailable
from pgs_web.trade.after_sale.errors import (
    AfterSaleOver,
    AmountTooLarge,
    RequestOpen,
    TooManyRequestsOfOrder,
    TooManyUnits,
    refuse_state,
)
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.selectors import get_own_request
from pgs_web.trade.after_sale.services.door import latest_by, move_request, tell_move
from pgs_web.trade.after_sale.states import (
    UNDECIDED,
    VAIN,
    EndReason,
    RequestCause,
    RequestKind,
    RequestState,
)
from pgs_web.trade.order import errors as order_errors
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.selectors import get_order
from pgs_web.trade.order.states import OrderState

# Requests of one order, also those that were taken back: what can be asked for again without end fills the node.
MOST_REQUESTS = 20
SENT = frozenset({OrderState.SHIPPED, OrderState.COMPLETED})


@dataclass(frozen=True, kw_only=True)
class RequestWish:
    """What is asked for, of how many units; the text is the shopper's, one line of up to 200 characters."""

    kind: RequestKind
    cause: RequestCause
    amount_fen: int
    quantity: int | None = None
    text: str = ""


def ask_for_refund(*, member_id: int, order_id: int, wish: RequestWish) -> tuple[AfterSaleRequest, bool]:
    """A member's request about goods that have left, and whether it is new: the open one again when it says the same.

    Raises NotFound, WrongState for an order that wasn't sent, AfterSaleOver, AmountTooLarge, TooManyUnits, RequestOpen,
    TooManyRequestsOfOrder, Unavailable.
    """
    get_order(order_id=order_id, member_id=member_id)
    return open_request(order_id=order_id, wish=wish, state=RequestState.REQUESTED, actor=f"member:{member_id}")


def ask_for_member(*, order_id: int, wish: RequestWish, actor: str) -> tuple[AfterSaleRequest, bool]:
    """The same by an operator for a shopper who called: somebody else has to approve it, whatever the amount."""
    get_order(order_id=order_id)
    return open_request(order_id=order_id, wish=wish, state=RequestState.IN_REVIEW, actor=actor, endorsed_by=actor)


def take_back_request(*, member_id: int, request_id: int) -> AfterSaleRequest:
    """The shopper doesn't want it any more; raises NotFound, WrongRequestState once money or goods are on their way."""
    get_own_request(member_id=member_id, request_id=request_id)
    moved = move_request(
        request_id=request_id,
        from_states={*UNDECIDED, RequestState.RETURNING},
        to_state=RequestState.CANCELLED,
        actor=f"member:{member_id}",
        reason=EndReason.BY_MEMBER,
        answer=EndReason.BY_MEMBER,
    )
    if moved is None:
        raise refuse_state(get_own_request(member_id=member_id, request_id=request_id).state)
    return moved


def tell_parcel(*, member_id: int, request_id: int, carrier: str, tracking_no: str) -> AfterSaleRequest:
    """The goods are on their way back; the last number that is told counts. Raises NotFound, WrongRequestState."""
    get_own_request(member_id=member_id, request_id=request_id)
    with node_transaction(request_id) as alias:
        # From here on it is for us to act: a parcel that was sent isn't cancelled for being late.
        waits = database_now(alias) + timedelta(seconds=settings.AFTER_SALE_RETURN_SECONDS)
        rows = AfterSaleRequest.objects.on_node(alias).filter(pk=request_id, state=RequestState.RETURNING)
        is_told = rows.update(carrier=carrier, tracking_no=tracking_no, latest_by=waits) == 1
    request = get_own_request(member_id=member_id, request_id=request_id)
    if not is_told:
        raise refuse_state(request.state)
    return request


def open_request(
    *, order_id: int, wish: RequestWish, state: RequestState, actor: str, **signed: str
) -> tuple[AfterSaleRequest, bool]:
    """The order's request, judged under its lock, and whether it is new; `signed`: who agreed to it by now.

    For the services of this room; raises what ask_for_refund raises.
    """
    try:
        request_id = new_id(slot=slot_of_id(order_id))
    except IdSourceUnavailable as error:
        raise Unavailable from error
    with node_transaction(order_id) as alias:
        # Under the order's lock: two requests at once are judged one after the other.
        order = Order.objects.on_node(alias).select_for_update().get(pk=order_id)
        requests = list(AfterSaleRequest.objects.on_node(alias).filter(order_id=order_id).order_by("sequence"))
        open_one = next((one for one in requests if one.open_order_id is not None), None)
        if open_one is not None:
            if _says(open_one) != wish:
                raise RequestOpen
            return open_one, False
        now = database_now(alias)
        _judge(order, wish, requests, now=now)
        request = AfterSaleRequest.objects.create(
            id=request_id,
            order_id=order.pk,
            open_order_id=order.pk,
            sequence=len(requests) + 1,
            member_id=order.member_id,
            merchant_id=order.merchant_id,
            kind=wish.kind,
            cause=wish.cause,
            text=wish.text,
            amount_fen=wish.amount_fen,
            quantity=wish.quantity,
            state=state,
            opened_by=actor,
            **signed,
            requested_at=now,
            latest_by=latest_by(state, now=now),
            changed_at=now,
        )
        tell_move(request, from_state="", actor=actor, reason=wish.cause, now=now)
    return request, True


def _judge(order: Order, wish: RequestWish, requests: list[AfterSaleRequest], *, now: datetime) -> None:
    if order.state not in SENT:
        raise order_errors.refuse_state(order.state)
    if order.state == OrderState.COMPLETED and wish.cause is not RequestCause.REWARD:
        received = OrderLog.objects.filter(order_id=order.pk, to_state=OrderState.COMPLETED).first()
        window = timedelta(seconds=settings.AFTER_SALE_WINDOW_SECONDS)
        if (received.at if received else order.updated_at) + window <= now:
            raise AfterSaleOver
    if len(requests) >= MOST_REQUESTS:
        raise TooManyRequestsOfOrder
    counted = [one for one in requests if one.state not in VAIN]
    if wish.amount_fen > order.amount_fen - sum(one.amount_fen for one in counted):
        raise AmountTooLarge
    if wish.quantity is not None:
        _judge_units(order, wish, wish.quantity, counted)


def _judge_units(order: Order, wish: RequestWish, quantity: int, counted: list[AfterSaleRequest]) -> None:
    gone_back = 0
    if wish.kind == RequestKind.RETURN_AND_REFUND:
        gone_back = sum(one.quantity or 0 for one in counted if one.kind == RequestKind.RETURN_AND_REFUND)
    if quantity > order.quantity - gone_back:
        raise TooManyUnits
    # These units' share of what was paid, discounts included; a fen that doesn't divide is the shopper's.
    if wish.amount_fen > -(-order.amount_fen * quantity // order.quantity):
        raise AmountTooLarge


def _says(request: AfterSaleRequest) -> RequestWish:
    return RequestWish(
        kind=RequestKind(request.kind),
        cause=RequestCause(request.cause),
        amount_fen=request.asked,
        quantity=request.quantity,
        text=request.text,
    )
