"""An order is placed: its key is claimed, then it is admitted; no database is touched on the way of an honest order."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from pgs_data.ids.snowflake import IdSourceUnavailable, new_id
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import slot_of_id, slot_of_key
from pgs_web.api.errors import NotFound, Refusal, Unavailable
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.member.selectors import has_address
from pgs_web.trade.group.models import Group
from pgs_web.trade.intake.breaker import Breaker
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
from pgs_web.trade.intake.messages import Admission, AdmitReply, Admitted, Claim, ClaimReply
from pgs_web.trade.intake.scripts import admit_orders, claim_keys
from pgs_web.trade.order.models import OrderMode
from pgs_web.trade.stock.holds import Hold
from pgs_web.trade.stock.selectors import read_holds

_REFUSALS: dict[AdmitReply, type[Refusal]] = {
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

_breaker = Breaker()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a signed-in member asks for, every field validated; group_id is None to open a group or to buy alone."""

    member_id: int
    activity_id: int
    quantity: int
    address_id: int
    group_id: int | None
    mode: OrderMode
    idempotency_key: str
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order that is in; the hold carries what its shopper was told, now or the first time."""

    order_id: int
    hold: Hold


def place_order(request: OrderRequest, *, check_shopper: Callable[[], None]) -> PlacedOrder:
    """Admits the order, once for a key however often it is sent; it is on disk when this returns.

    `check_shopper` raises when the member may not buy. Raises a refusal of errors.py, NotFound for an unknown activity
    or group or a foreign address, and Unavailable when the ledger doesn't answer: then the order may be in or not, and
    the same request again brings the truth.
    """
    # First, because it asks the ledger: while that hangs, nobody waits for a second server before hearing no.
    order_id = claim_order_id(request)
    check_shopper()
    # After the claim, before the admission: the body, address included, is what the key is bound to, and every
    # admission under it passes here.
    if not has_address(member_id=request.member_id, address_id=request.address_id):
        return _replay_or_refuse(request, order_id)
    # Dying here leaves a claim; the retry finds it and goes on under the same order id.
    partition = partition_of(request.activity_id)
    with _breaker.guard(partition):
        (verdict,) = admit_orders(partition=partition, orders=[make_admission(request, order_id)])
    return read_verdict(request, order_id, verdict)


def claim_order_id(request: OrderRequest) -> int:
    """The order id that the member's key stands for, new or from before; raises KeyReused, Unavailable."""
    try:
        with _breaker.guard_patient_call():
            proposed = new_id(slot=slot_of_key(request.member_id))
    except IdSourceUnavailable as error:
        raise Unavailable() from error
    home = partition_of(request.member_id)
    with _breaker.guard(home):
        (claimed,) = claim_keys(partition=home, claims=[make_claim(request, proposed)])
    if claimed.reply is ClaimReply.REUSED:
        raise KeyReused()
    return claimed.order_id


def make_claim(request: OrderRequest, order_id: int) -> Claim:
    """The claim of a request's key."""
    return Claim(
        member_id=request.member_id,
        key=request.idempotency_key,
        digest=digest_of(request),
        order_id=order_id,
        activity_id=request.activity_id,
    )


def make_admission(request: OrderRequest, order_id: int) -> Admission:
    """The admission of a request; one that opens a group proposes an id on the order's own node. Raises Unavailable."""
    opens = request.mode == OrderMode.GROUP and request.group_id is None
    try:
        open_group_id = new_id(slot=slot_of_id(order_id)) if opens else None
    except IdSourceUnavailable as error:
        raise Unavailable() from error
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
    )


def read_verdict(request: OrderRequest, order_id: int, verdict: Admitted) -> PlacedOrder:
    """The placed order, or the refusal that the verdict means."""
    if verdict.hold is not None:
        return PlacedOrder(order_id, verdict.hold)
    if verdict.reply is AdmitReply.UNKNOWN_ACTIVITY:
        _refuse_activity(request.activity_id)
    if verdict.reply is AdmitReply.UNKNOWN_GROUP:
        _refuse_group(request)
    if verdict.reply is AdmitReply.BACKLOG:
        raise Unavailable(retry_after=BACKLOG_SECONDS)
    raise _REFUSALS[verdict.reply]()


def digest_of(request: OrderRequest) -> str:
    """24 hex digits of everything that the shopper decided; the key and who they are excluded."""
    decided = (request.activity_id, request.quantity, request.address_id, request.group_id or "", request.mode.value)
    return hashlib.blake2b("|".join(map(str, decided)).encode(), digest_size=12).hexdigest()


def _replay_or_refuse(request: OrderRequest, order_id: int) -> PlacedOrder:
    """An order placed before its address was removed is answered as it was then; anything else is NotFound."""
    partition = partition_of(request.activity_id)
    with _breaker.guard(partition):
        hold = read_holds([(request.activity_id, order_id)]).get(order_id)
    if hold is None:
        raise NotFound()
    return PlacedOrder(order_id, hold)


def _refuse_activity(activity_id: int) -> NoReturn:
    """Redis knows nothing of it: never existed, is over and archived, or its facts are lost. Reads one row."""
    state = Activity.objects.filter(pk=activity_id).values_list("state", flat=True).first()
    if state in {ActivityState.SCHEDULED, ActivityState.RUNNING, ActivityState.PAUSED}:
        raise Paused()
    if state == ActivityState.ENDED:
        raise Ended()
    raise NotFound()


def _refuse_group(request: OrderRequest) -> NoReturn:
    """Redis knows nothing of it: never existed in this activity, or long over. Reads one row."""
    if Group.objects.filter(pk=request.group_id, activity_id=request.activity_id).exists():
        raise GroupClosed()
    raise NotFound()
