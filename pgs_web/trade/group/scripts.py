"""Scripts on the groups in the ledger."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Script
from pgs_data.redis.partitions import partition_within
from pgs_data.redis.replicas import replicated
from pgs_web.trade.group.keys import groups_key, period_of_group

CLOSE_GROUPS = Script.load("pgs_web.trade.group", "close_groups")
EXTEND_GROUPS = Script.load("pgs_web.trade.group", "extend_groups")


@dataclass(frozen=True, kw_only=True)
class GroupOfActivity:
    """A group and the activity whose partition it lives in."""

    activity_id: int
    group_id: int


def close_groups(*, groups: Iterable[GroupOfActivity]) -> int:
    """Lets nobody join these groups any more; one script a partition. Returns how many were still in the ledger.

    Raises one of RedisUnavailable; calling it again is harmless.
    """
    by_partition: dict[int, dict[int, GroupOfActivity]] = defaultdict(dict)
    for group in groups:
        by_partition[partition_within(group.activity_id, group.group_id)][group.group_id] = group
    closed = 0
    for partition, of_partition in by_partition.items():
        first = next(iter(of_partition.values()))
        with replicated(partition) as client:
            _, count = CLOSE_GROUPS(
                client,
                keys={"first": groups_key(activity_id=first.activity_id, group_id=first.group_id)},
                args={"decided": pack([[str(period_of_group(group_id)), str(group_id)] for group_id in of_partition])},
            )
        closed += int(count)
    return closed


def extend_groups(*, deadlines: Mapping[GroupOfActivity, int]) -> int:
    """Lets shoppers join these groups until the new deadlines (ms); one script a partition. Returns how many moved.

    A deadline that isn't later changes nothing, so messages may come twice and in any order. Raises one of
    RedisUnavailable.
    """
    by_partition: dict[int, list[GroupOfActivity]] = defaultdict(list)
    for group in deadlines:
        by_partition[partition_within(group.activity_id, group.group_id)].append(group)
    moved = 0
    for partition, groups in by_partition.items():
        items = [[str(period_of_group(group.group_id)), str(group.group_id), str(deadlines[group])] for group in groups]
        with replicated(partition) as client:
            _, count = EXTEND_GROUPS(
                client,
                keys={"first": groups_key(activity_id=groups[0].activity_id, group_id=groups[0].group_id)},
                args={"extended": pack(items)},
            )
        moved += int(count)
    return moved
