"""A member's limit in a spread activity: counted in one bucket, the member's own, whichever bucket sells.

An order for another bucket (it joins a group that lives there) takes its units from the limit first, under its own id,
and is judged afterwards. The units go back when the order is refused, and when its units go back. Whoever dies in
between leaves too much counted, never too little, and sweep_limits settles it: it bars the order in the bucket where
it would be admitted, and only then gives the units back.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings

from pgs_data.ids.texts import short_id
from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Command, Script, run_command
from pgs_data.redis.clock import ledger_now_ms
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import bucket_of, has_own_redis, partition_count, partition_within
from pgs_data.redis.replicas import replicated
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.keys import away_key, away_open_key, holds_key
from pgs_web.trade.stock.selectors import read_holds

log = structlog.get_logger(__name__)

_PACKAGE = "pgs_web.trade.stock"
_reserve_limits = Script.load(_PACKAGE, "reserve_limits")
_return_limits = Script.load(_PACKAGE, "return_limits")
_bar_orders = Script.load(_PACKAGE, "bar_orders")

# Longer than any attempt takes: after it an order without a hold is barred, and its shopper is told to order anew.
UNSETTLED_MS = 60_000
# Orders of a partition that a pass looks at: PAGES_A_PASS times as many.
SWEPT_A_PAGE = 500
PAGES_A_PASS = 20
_HELD = frozenset({HoldState.LOCKED, HoldState.SOLD})
# What the shopper of a barred order reads.
BARRED = "not_admitted"


class LimitReply(StrEnum):
    RESERVED = "RESERVED"
    LIMIT = "LIMIT"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class AwayOrder:
    """An order of a member that another bucket than the member's judges; `attempt` names who sent it."""

    activity_id: int
    order_id: int
    member_id: int
    quantity: int
    attempt: str


# No attempt's name: what becomes of the order as a whole.
GONE, KEPT = "GONE", "KEPT"


@dataclass(frozen=True, slots=True)
class LimitReturn:
    """What became of an order whose units were taken from a limit.

    The name of an attempt: that one was refused, others may be under way. GONE: it can't be admitted any more, or its
    units went back. KEPT: it is in.
    """

    activity_id: int
    order_id: int
    fate: str


def make_away_order(activity_id: int, *, order_id: int, member_id: int, quantity: int) -> AwayOrder:
    """An attempt of its own, however often the same order is sent."""
    return AwayOrder(activity_id, order_id, member_id, quantity, secrets.token_hex(4))


def find_limit_place(activity_id: int, *, member_id: int, part_id: int) -> int | None:
    """Partition of the member's limit, when the order or group `part_id` is in another bucket; else None."""
    if activity_id not in settings.LEDGER_SPREAD:
        return None
    if bucket_of(activity_id, member_id) == bucket_of(activity_id, part_id):
        return None
    return partition_within(activity_id, member_id)


def reserve_limits_command(partition: int, orders: Sequence[AwayOrder]) -> Command:
    """Takes units of up to 500 orders from the limits of members of this partition; read_limit_replies reads it."""
    values: list[str] = []
    for one in orders:
        values += (str(one.activity_id), str(one.order_id), str(one.member_id), str(one.quantity), one.attempt)
    return _reserve_limits.command(keys={"open": away_open_key(partition)}, args={"wanted": pack(values)})


def read_limit_replies(raw: Any) -> list[LimitReply]:
    """What the script answered, in the order of the orders."""
    (words,) = raw
    return [LimitReply(word) for word in words.decode().split()]


def return_limits_command(partition: int, returns: Sequence[LimitReturn]) -> Command:
    """Tells the members' bucket what became of orders; it may be told twice."""
    values = [str(value) for one in returns for value in (one.activity_id, one.order_id, one.fate)]
    return _return_limits.command(keys={"open": away_open_key(partition)}, args={"returned": pack(values)})


def return_settled(holds: Iterable[tuple[int, int, Hold]]) -> None:
    """Gives units of (activity id, order id, hold) back to the limits where they were taken; raises RedisUnavailable.

    For orders whose own units went back before: the limit is never the first. Repeatable.
    """
    gone: dict[int, list[LimitReturn]] = defaultdict(list)
    for activity_id, order_id, hold in holds:
        partition = find_limit_place(activity_id, member_id=hold.member_id, part_id=order_id)
        if partition is not None and hold.state in {HoldState.GIVEN_BACK, HoldState.REJECTED}:
            gone[partition].append(LimitReturn(activity_id, order_id, GONE))
    for partition, returns in gone.items():
        run_command(ledger(partition), return_limits_command(partition, returns))


def sweep_limits(*, bars_after_ms: int = UNSETTLED_MS) -> int:
    """Settles what attempts have left open: what is in stays counted, what can't come in is given back.

    An order without a hold is barred when its first attempt is so old. Returns how many were given back. Costs what is
    open; nothing where nothing is spread. Dies in between: the same orders come again.
    """
    if not settings.LEDGER_SPREAD:
        return 0
    gone = 0
    for partition in range(partition_count()):
        try:
            gone += _settle_open(partition, bars_after_ms)
        except RedisUnavailable as error:
            if not has_own_redis(partition):
                raise
            log.warning("limits_not_swept", partition=partition, error=repr(error))
    return gone


def _settle_open(partition: int, bars_after_ms: int) -> int:
    bars_before = ledger_now_ms(partition) - bars_after_ms
    gone, start = 0, 0
    # The oldest first; what has to wait stays in front of what can be settled.
    for _ in range(PAGES_A_PASS):
        members: Any = ledger(partition).zrange(
            away_open_key(partition), start, start + SWEPT_A_PAGE - 1, withscores=True
        )
        by_place: dict[int, dict[tuple[int, int], bool]] = defaultdict(dict)
        for member, began_ms in members:
            activity_id, order_id = map(int, member.split(b"|"))
            if activity_id in settings.LEDGER_SPREAD:
                place = partition_within(activity_id, order_id)
                by_place[place][activity_id, order_id] = began_ms <= bars_before
            else:
                # Where its orders are isn't known any more: too much is counted, never too little.
                log.error("limit_of_no_spread_activity", activity_id=activity_id, order_id=order_id)
        returns: list[LimitReturn] = []
        for place, waiting in by_place.items():
            try:
                returns += _judge_open(partition, place, waiting)
            except RedisUnavailable as error:
                if not has_own_redis(place):
                    raise
                log.warning("limits_not_swept", partition=partition, place=place, error=repr(error))
        if returns:
            run_command(ledger(partition), return_limits_command(partition, returns))
        gone += sum(one.fate == GONE for one in returns)
        start += len(members) - len(returns)
        if len(members) < SWEPT_A_PAGE:
            break
    return gone


def _judge_open(partition: int, place: int, waiting: dict[tuple[int, int], bool]) -> list[LimitReturn]:
    """What became of orders of one place, of those of which it is sure; the old ones without a hold are barred."""
    holds = read_holds(waiting)
    barred = [order for order, is_old in waiting.items() if is_old and order[1] not in holds]
    if barred:
        holds |= _bar(partition, place, barred)
    return [
        LimitReturn(activity_id, order_id, KEPT if holds[order_id].state in _HELD else GONE)
        for activity_id, order_id in waiting
        if order_id in holds
    ]


def _bar(partition: int, place: int, orders: Sequence[tuple[int, int]]) -> dict[int, Hold]:
    """Adds the holds of orders that had none: nobody can be admitted under these ids any more."""
    pipeline = ledger(partition).pipeline(transaction=False)
    for activity_id, order_id in orders:
        pipeline.hget(away_key(activity_id, partition), str(order_id))
    now = ledger_now_ms(place)
    values: list[str] = []
    for (activity_id, order_id), known in zip(orders, pipeline.execute(), strict=True):
        barred = _barred_hold(known or b"0|0|0", now)
        values += (str(activity_id), short_id(order_id), barred, str(order_id))
    with replicated(place) as client:
        packed = run_command(
            client, _bar_orders.command(keys={"first": holds_key(orders[0][0], place)}, args={"barred": pack(values)})
        )
    return {order_id: Hold.unpack(text) for (_activity_id, order_id), text in zip(orders, packed, strict=True)}


def _barred_hold(away: bytes, now_ms: int) -> str:
    member, units, _attempts = away.split(b"|")
    return Hold(
        state=HoldState.REJECTED,
        quantity=int(units),
        member_id=int(member),
        group_id=None,
        accepted_ms=now_ms,
        pay_by_ms=now_ms,
        unit_price_fen=0,
        address_id=0,
        ticket=0,
        position=0,
        eta_seconds=0,
        reason=BARRED,
    ).pack()
