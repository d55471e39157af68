"""The stock's Lua scripts: one function each, of the same name; their writes are on the awaited replicas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pgs_data.ids.texts import short_id
from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Script
from pgs_data.redis.partitions import partition_of
from pgs_data.redis.replicas import replicated
from pgs_web.trade.stock.keys import activity_key, changed_key, holds_key, news_key, stock_key
from pgs_web.trade.stock.messages import FactsReply, GateReply, PreloadReply, SettleReply, TotalReply

_PACKAGE = "pgs_web.trade.stock"
_preload_activity = Script.load(_PACKAGE, "preload_activity")
_update_activity_facts = Script.load(_PACKAGE, "update_activity_facts")
_set_activity_gate = Script.load(_PACKAGE, "set_activity_gate")
_change_total = Script.load(_PACKAGE, "change_total")
_settle_holds = Script.load(_PACKAGE, "settle_holds")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A part of a spread activity's stock: `whole` is the total of all buckets, told to the home bucket only."""

    partition: int
    whole: int | None
    epoch: str


def preload_activity(
    *, activity_id: int, facts: Mapping[str, str], total: int, bucket: Bucket | None = None
) -> PreloadReply:
    """Loads facts and stock, of one bucket of a spread activity; raises RedisUnavailable."""
    partition = partition_of(activity_id) if bucket is None else bucket.partition
    with replicated(partition) as client:
        reply = _preload_activity(
            client,
            keys={
                "activity": activity_key(activity_id, partition),
                "stock": stock_key(activity_id, partition),
                "holds": holds_key(activity_id, partition),
                "changed": changed_key(partition),
                "news": news_key(partition),
            },
            args={
                "activity_id": str(activity_id),
                "facts": _flat(facts),
                "total": total,
                "whole": "" if bucket is None or bucket.whole is None else bucket.whole,
                "epoch": "" if bucket is None else bucket.epoch,
            },
        )
    return PreloadReply(reply.decode())


def update_activity_facts(
    *, activity_id: int, partition: int, facts: Mapping[str, str], rules_version: int, state_when_new: str
) -> FactsReply:
    """Replaces the facts in one partition, but the gate's state; raises RedisUnavailable."""
    with replicated(partition) as client:
        reply = _update_activity_facts(
            client,
            keys={"activity": activity_key(activity_id, partition), "news": news_key(partition)},
            args={
                "activity_id": str(activity_id),
                "facts": _flat(facts),
                "rules_version": rules_version,
                "state_when_new": state_when_new,
            },
        )
    return FactsReply(reply.decode())


def set_activity_gate(*, activity_id: int, partition: int, state: str, fence: int) -> GateReply:
    """Opens or closes the gate of one partition for the latest lease, or for a caller without one (0).

    Raises RedisUnavailable.
    """
    with replicated(partition) as client:
        reply = _set_activity_gate(
            client,
            keys={"activity": activity_key(activity_id, partition), "news": news_key(partition)},
            args={"activity_id": str(activity_id), "state": state, "fence": fence},
        )
    return GateReply(reply.decode())


def change_total(*, activity_id: int, difference: int, change_id: str) -> TotalReply:
    """Adds or takes out unsold units, once a change_id; raises RedisUnavailable."""
    partition = partition_of(activity_id)
    with replicated(partition) as client:
        reply = _change_total(
            client,
            keys={"stock": stock_key(activity_id), "changed": changed_key(partition), "news": news_key(partition)},
            args={"activity_id": str(activity_id), "difference": difference, "change_id": change_id},
        )
    return TotalReply(reply.decode())


def settle_holds(*, partition: int, settlements: Sequence[tuple[int, int, str, str]]) -> list[SettleReply]:
    """Applies (activity id, order id, movement, reason) of one partition in one call; raises RedisUnavailable."""
    with replicated(partition) as client:
        replies = _settle_holds(
            client,
            keys={"changed": changed_key(partition), "news": news_key(partition)},
            args={
                "settlements": pack(
                    [
                        [str(activity), short_id(order), str(movement), reason, str(order)]
                        for activity, order, movement, reason in settlements
                    ]
                )
            },
        )
    return [SettleReply(reply.decode()) for reply in replies]


def _flat(facts: Mapping[str, str]) -> bytes:
    return pack([text for pair in facts.items() for text in pair])
