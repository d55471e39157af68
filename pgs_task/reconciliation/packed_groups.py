"""Groups as admission sees them, in Redis."""

from collections import defaultdict
from collections.abc import Iterable

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_within
from pgs_web.trade.group.keys import groups_key, old_group_key
from pgs_web.trade.group.packed import PackedGroup


def read_packed_groups(groups: Iterable[tuple[int, int]]) -> dict[int, PackedGroup]:
    """Group id → what Redis has of it, for (activity id, group id) pairs; one round trip a partition."""
    by_partition: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for activity_id, group_id in groups:
        by_partition[partition_within(activity_id, group_id)].append((activity_id, group_id))
    found: dict[int, PackedGroup] = {}
    for partition, pairs in by_partition.items():
        pipeline = ledger(partition).pipeline(transaction=False)
        for activity_id, group_id in pairs:
            pipeline.hget(groups_key(activity_id=activity_id, group_id=group_id), str(group_id))
            pipeline.hgetall(old_group_key(activity_id=activity_id, group_id=group_id))
        answers = pipeline.execute()
        for (_activity_id, group_id), packed, old in zip(pairs, answers[::2], answers[1::2], strict=True):
            if packed is not None:
                found[group_id] = PackedGroup.unpack(packed)
            elif old:
                found[group_id] = PackedGroup.from_hash(old)
    return found
