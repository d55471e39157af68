"""Puts the seats of an activity's running groups back into Redis, as the data nodes have them."""

from collections import defaultdict
from typing import Any

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import node_aliases
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.keys import group_key
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.states import ACTIVE_SEATS, GroupState

PAGE = 500
# As long as admission keeps them: duplicates of their events may come.
KEPT_MS = 172_800_000


def restore_groups(activity: Activity) -> int:
    """Writes every FORMING group of the activity with its active seats; returns how many. Nobody may be buying."""
    count = 0
    client = ledger(partition_of(activity.pk))
    for alias in node_aliases():
        forming = Group.objects.on_node(alias).filter(activity_id=activity.pk, state=GroupState.FORMING).order_by("id")
        last_id = 0
        while page := list(forming.filter(id__gt=last_id)[:PAGE]):
            last_id = page[-1].pk
            seats = _seats_of(alias, [group.pk for group in page])
            pipeline = client.pipeline(transaction=True)
            for group in page:
                key = group_key(activity_id=activity.pk, group_id=group.pk)
                pipeline.delete(key)
                pipeline.hset(key, mapping=_fields_of(group, seats[group.pk], activity))
                pipeline.pexpireat(key, round(group.deadline.timestamp() * 1000) + KEPT_MS)
            pipeline.execute()
            count += len(page)
    return count


def _seats_of(alias: str, group_ids: list[int]) -> dict[int, list[Seat]]:
    seats: dict[int, list[Seat]] = defaultdict(list)
    for seat in Seat.objects.on_node(alias).filter(group_id__in=group_ids, state__in=ACTIVE_SEATS):
        seats[seat.group_id].append(seat)
    return seats


def _fields_of(group: Group, seats: list[Seat], activity: Activity) -> dict[Any, Any]:
    return {
        "activity_id": group.activity_id,
        "size": group.size,
        "held": len(seats),
        "closed": 0,
        "deadline_ms": round(group.deadline.timestamp() * 1000),
        "price_fen": group.price_fen,
        "rules_version": group.rules_version,
        "pay_within_ms": activity.pay_within_seconds * 1000,
        "leader_member_id": group.leader_member_id,
        "opened_ms": round(group.opened_at.timestamp() * 1000),
        **{f"m:{seat.member_id}": seat.order_id for seat in seats},
    }
