"""What an order is made of on its way in: what its shopper asks for, the claim of its key, and its admission."""

import hashlib

import msgspec

from pgs_web.api.errors import Refusal
from pgs_web.trade.intake.errors import (
    AlreadyInGroup,
    Ended,
    GroupClosed,
    GroupFull,
    KeyReused,
    LimitExceeded,
    NotStarted,
    Paused,
    SoldOut,
)
from pgs_web.trade.intake.messages import Admission, AdmitReply, Claim
from pgs_web.trade.order.models import OrderMode
from pgs_web.trade.order.wishes import BY_PASS_BIT
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.limits import BARRED

# What a verdict means to the shopper; the two that Redis can't judge alone are in receiving/unknown.py.
REFUSALS: dict[AdmitReply, type[Refusal]] = {
    AdmitReply.NOT_STARTED: NotStarted,
    AdmitReply.ENDED: Ended,
    AdmitReply.PAUSED: Paused,
    AdmitReply.LIMIT_EXCEEDED: LimitExceeded,
    AdmitReply.GROUP_CLOSED: GroupClosed,
    AdmitReply.ALREADY_IN_GROUP: AlreadyInGroup,
    AdmitReply.GROUP_FULL: GroupFull,
    AdmitReply.SOLD_OUT: SoldOut,
}
# A full backlog doesn't empty within a second.
BACKLOG_SECONDS = 5


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a signed-in member asks for, every field validated; group_id is None to open a group or to buy alone."""

    member_id: int
    activity_id: int
    quantity: int
    address_id: int
    group_id: int | None
    mode: OrderMode
    idempotency_key: str
    trace_id: str = ""
    # A code of trade/order/wishes.py; 0 for who wishes nothing.
    wishes: int = 0
    # What a game gave them to come in by (passes.py).
    entry_pass: str = ""

    @property
    def opens_group(self) -> bool:
        return self.group_id is None and self.mode is OrderMode.GROUP


class PlacedOrder(msgspec.Struct, frozen=True):
    """An order that is in; the hold carries what its shopper was told, now or the first time."""

    order_id: int
    hold: Hold


def describe_outcome(order_id: int, hold: Hold) -> PlacedOrder | KeyReused:
    """What the shopper of an order with this hold is told.

    One that sweep_limits barred was never in, and nothing comes in under its key any more.
    """
    if hold.state is HoldState.REJECTED and hold.reason == BARRED:
        return KeyReused()
    return PlacedOrder(order_id, hold)


def make_claim(request: OrderRequest, order_id: int) -> Claim:
    """The claim of a request's key."""
    return Claim(
        member_id=request.member_id,
        key=request.idempotency_key,
        digest=digest_of(request),
        order_id=order_id,
        activity_id=request.activity_id,
    )


def make_admission(
    request: OrderRequest, *, order_id: int, open_group_id: int | None, pay_within_ms: int = 0, by_pass: bool = False
) -> Admission:
    """The admission of a request; `open_group_id`: the id for the group that it opens, on the order's own node.

    `by_pass`: its pass was looked at, and is good.
    """
    return Admission(
        order_id=order_id,
        activity_id=request.activity_id,
        member_id=request.member_id,
        quantity=request.quantity,
        join_group_id=request.group_id,
        open_group_id=open_group_id,
        address_id=request.address_id,
        idempotency_key=request.idempotency_key,
        trace_id=request.trace_id,
        wishes=request.wishes | BY_PASS_BIT if by_pass else request.wishes,
        pay_within_ms=pay_within_ms,
    )


def digest_of(request: OrderRequest) -> str:
    """24 hex digits of everything that the shopper decided; the key and who they are excluded.

    So is the pass: the same order again, with a newer pass, is the same order.
    """
    decided = (
        f"{request.activity_id}|{request.quantity}|{request.address_id}|{request.group_id or ''}|{request.mode.value}"
    )
    if request.wishes:
        # Otherwise as before there were wishes: a key that was claimed then is still the same key.
        decided += f"|{request.wishes}"
    return hashlib.blake2b(decided.encode(), digest_size=12).hexdigest()
