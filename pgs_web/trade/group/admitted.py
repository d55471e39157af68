"""Groups as admission sees them, read from the ledger; also those that are not in their database yet."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from pgs_data.clock import from_ms
from pgs_data.ids.snowflake import time_of_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_within
from pgs_web.trade.group.keys import groups_key, old_group_key, possible_keys
from pgs_web.trade.group.packed import PackedGroup

log = structlog.get_logger(__name__)

# A group is written down within milliseconds, or, when its node is away, within the time that this node is away.
# Older ids are not looked for, so that made-up ones cost the ledger nothing.
LONGEST_WAIT = timedelta(hours=24)
CLOCKS_APART = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class AdmittedGroup:
    """What admission knows of a group; members in the order in which they came."""

    id: int
    activity_id: int
    size: int
    price_fen: int
    opened_at: datetime
    deadline: datetime
    leader_member_id: int
    rules_version: int
    member_ids: list[int]


def find_admitted_group(group_id: int) -> AdmittedGroup | None:
    """The group, looked for in all partitions in one round trip a server; raises RedisUnavailable."""
    age = datetime.now(UTC) - time_of_id(group_id)
    if not -CLOCKS_APART <= age <= LONGEST_WAIT:
        return None
    pipelines: dict[int, Any] = {}
    for partition, (key, old_key) in possible_keys(group_id).items():
        # Partitions of one server share a client, so they share a round trip.
        client = ledger(partition)
        pipeline = pipelines.setdefault(id(client), client.pipeline(transaction=False))
        pipeline.hget(key, str(group_id))
        pipeline.hgetall(old_key)
    answers = [answer for pipeline in pipelines.values() for answer in pipeline.execute()]
    found = next((answer for answer in answers if answer), None)
    return None if found is None else _read(group_id, found)


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


def _read(group_id: int, found: bytes | dict[bytes, bytes]) -> AdmittedGroup | None:
    try:
        group = PackedGroup.unpack(found) if isinstance(found, bytes) else PackedGroup.from_hash(found)
    except (KeyError, ValueError):
        log.exception("packed_group_unreadable", group_id=group_id, found=found)
        return None
    # An id begins with its slot, so its time has to be read out of it.
    orders = sorted(group.seats.items(), key=lambda seat: (time_of_id(seat[1]), seat[1]))
    return AdmittedGroup(
        id=group_id,
        activity_id=group.activity_id,
        size=group.size,
        price_fen=group.price_fen,
        opened_at=from_ms(group.opened_ms),
        deadline=from_ms(group.deadline_ms),
        leader_member_id=group.leader_member_id,
        rules_version=group.rules_version,
        member_ids=[member_id for member_id, _order_id in orders],
    )
