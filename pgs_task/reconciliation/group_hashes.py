"""Groups as admission sees them: their hashes in Redis."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.trade.group.keys import group_key

SEAT_PREFIX = b"m:"


@dataclass(frozen=True)
class GroupHash:
    """`seats` is member id → order id; `held` is what admission compares with the size."""

    held: int
    is_closed: bool
    seats: dict[int, int]


def read_group_hashes(groups: Iterable[tuple[int, int]]) -> dict[int, GroupHash]:
    """Group id → its hash, for (activity id, group id) pairs that have one; one round trip a partition."""
    by_partition: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for activity_id, group_id in groups:
        by_partition[partition_of(activity_id)].append((activity_id, group_id))
    hashes: dict[int, GroupHash] = {}
    for partition, pairs in by_partition.items():
        pipeline = ledger(partition).pipeline(transaction=False)
        for activity_id, group_id in pairs:
            pipeline.hgetall(group_key(activity_id=activity_id, group_id=group_id))
        for (_activity_id, group_id), fields in zip(pairs, pipeline.execute(), strict=True):
            if fields:
                hashes[group_id] = _read(fields)
    return hashes


def _read(fields: dict[bytes, Any]) -> GroupHash:
    return GroupHash(
        held=int(fields.get(b"held", 0)),
        is_closed=fields.get(b"closed") == b"1",
        seats={
            int(name.removeprefix(SEAT_PREFIX)): int(order)
            for name, order in fields.items()
            if name.startswith(SEAT_PREFIX)
        },
    )
