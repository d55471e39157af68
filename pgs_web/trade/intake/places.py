"""An order that lost its place takes another one: after its cancellation, or when its group came to nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pgs_data.ids.texts import short_id
from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Script
from pgs_data.redis.partitions import bucket_of, partition_within, spread_of
from pgs_data.redis.replicas import replicated
from pgs_web.trade.group.packed import PackedGroup
from pgs_web.trade.stock.keys import activity_key, bought_key, changed_key, holds_key, stock_key
from pgs_web.trade.stock.lending import Borrowed, borrow_units
from pgs_web.trade.stock.steps import run_steps

_take_place = Script.load("pgs_web.trade.intake", "take_place")

# In a spread activity: how often units are borrowed that others take away again.
MOST_BORROWINGS = 5


class PlaceReply(StrEnum):
    TAKEN = "TAKEN"  # units and seat are the order's
    WAIT = "WAIT"  # its cancellation has not reached the ledger, or the stock is lost: ask again
    BARRED = "BARRED"  # it gets nothing any more
    SHUT = "SHUT"  # the sale is not open
    LIMIT = "LIMIT"  # the member has as many units as allowed
    SOLD_OUT = "SOLD_OUT"  # not enough units are left
    NO_SEAT = "NO_SEAT"  # no group takes it


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceWish:
    """What an order needs, and where it may find it.

    `lost_group_id`: the group whose seat it lost; None for an order bought alone, which needs no seat. `joins`: groups
    that it may join, the best first; `opens`: the id of a group that it may open when none of them takes it.
    """

    activity_id: int
    order_id: int
    quantity: int
    wants_units: bool
    lost_group_id: int | None
    joins: Sequence[int] = ()
    opens: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The answer; group and its terms when it is TAKEN with a seat."""

    reply: PlaceReply
    group_id: int | None = None
    group: PackedGroup | None = None


def take_place(wish: PlaceWish) -> Place:
    """Takes units and seat, both or neither, once an order however often it is called; raises RedisUnavailable.

    After a timeout it may be taken or not: the same call again tells, and brings the group that was taken then. What
    was taken goes back by FORGO or RETURN, after which nothing is taken for this order any more.
    """
    place = _take(wish)
    for _try in range(MOST_BORROWINGS if spread_of(wish.activity_id) > 1 else 0):
        if place.reply is not PlaceReply.SOLD_OUT:
            break
        # Only this bucket is.
        bucket = bucket_of(wish.activity_id, wish.order_id)
        borrowed = run_steps(borrow_units(wish.activity_id, borrower=bucket, quantity=wish.quantity))
        if borrowed is Borrowed.SOLD_OUT:
            break
        place = _take(wish) if borrowed is Borrowed.JUDGE_AGAIN else Place(PlaceReply.WAIT)
    return place


def _take(wish: PlaceWish) -> Place:
    partition = partition_within(wish.activity_id, wish.order_id)
    with replicated(partition) as client:
        word, group_id, packed = _take_place(
            client,
            keys={
                "holds": holds_key(wish.activity_id, partition),
                "stock": stock_key(wish.activity_id, partition),
                "bought": bought_key(wish.activity_id, partition),
                "activity": activity_key(wish.activity_id, partition),
                "changed": changed_key(partition),
            },
            args={
                "activity_id": str(wish.activity_id),
                "order_id": short_id(wish.order_id),
                "old_id": str(wish.order_id),
                "wants_units": int(wish.wants_units),
                "lost": str(wish.lost_group_id or ""),
                # A group of another bucket is in another partition: one script can't reach it.
                "joins": pack([str(one) for one in wish.joins if _is_near(wish, one)]),
                "opens": str(wish.opens or ""),
            },
        )
    return Place(
        PlaceReply(word.decode()),
        int(group_id) if group_id else None,
        PackedGroup.unpack(packed) if packed else None,
    )


def _is_near(wish: PlaceWish, group_id: int) -> bool:
    return partition_within(wish.activity_id, group_id) == partition_within(wish.activity_id, wish.order_id)
