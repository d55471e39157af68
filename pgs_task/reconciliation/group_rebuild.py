"""Puts the seats of an activity's running groups back into Redis, as the data nodes have them."""

from collections import defaultdict

from pgs_data.clock import to_ms
from pgs_data.locks import Lease
from pgs_data.redis.partitions import partition_within
from pgs_data.sharding.slots import ids_by_node, node_aliases
from pgs_task.reconciliation.pages import keyset_pages
from pgs_task.reconciliation.scripts import restore_groups as write_groups
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.packed import PackedGroup
from pgs_web.trade.group.scripts import GroupOfActivity, close_groups
from pgs_web.trade.group.states import ACTIVE_SEATS, GroupState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import LOCKED, SOLD

PAGE = 100
# As long as admission keeps them: duplicates of their events may come.
KEPT_MS = 172_800_000


class GroupsOutdated(RuntimeError):
    """Another rebuild has begun: it writes the groups."""


def restore_groups(activity: Activity, lease: Lease) -> int:
    """Writes every FORMING group of the activity with its taken seats; returns how many. Raises GroupsOutdated.

    Call it when the orders are counted and nobody can be admitted. An order that is cancelled later leaves its seat
    with its units; one that was cancelled before has no units that could take the seat with them, so it gets none.
    """
    count = 0
    for alias in node_aliases():
        forming = Group.objects.on_node(alias).filter(activity_id=activity.pk, state=GroupState.FORMING)
        for page in keyset_pages(forming, size=PAGE):
            lease.extend()
            seats = _taken_seats(alias, [group.pk for group in page])
            by_partition: dict[int, list[tuple[int, int, PackedGroup]]] = defaultdict(list)
            for group in page:
                by_partition[partition_within(activity.pk, group.pk)].append(
                    (group.pk, to_ms(group.deadline) + KEPT_MS, _packed(group, seats[group.pk], activity))
                )
            for partition, of_partition in by_partition.items():
                word = write_groups(
                    activity_id=activity.pk, partition=partition, fence=lease.fence, groups=of_partition
                )
                if word != "WRITTEN":
                    raise GroupsOutdated()
            _close_decided(alias, page)
            count += len(page)
    return count


def _close_decided(alias: str, groups: list[Group]) -> None:
    """Closes those that were decided while they were written: their event may have found nothing to close."""
    decided = (
        Group.objects.on_node(alias)
        .filter(id__in=[group.pk for group in groups])
        .exclude(state=GroupState.FORMING)
        .values_list("activity_id", "id")
    )
    close_groups(groups=[GroupOfActivity(activity_id=activity, group_id=group) for activity, group in decided])


def _taken_seats(alias: str, group_ids: list[int]) -> dict[int, list[Seat]]:
    active = list(Seat.objects.on_node(alias).filter(group_id__in=group_ids, state__in=ACTIVE_SEATS))
    taking: set[int] = set()
    for node, order_ids in ids_by_node(seat.order_id for seat in active).items():
        orders = Order.objects.on_node(node).filter(id__in=order_ids, state__in=LOCKED | SOLD)
        taking.update(orders.values_list("id", flat=True))
    seats: dict[int, list[Seat]] = defaultdict(list)
    for seat in active:
        if seat.order_id in taking:
            seats[seat.group_id].append(seat)
    return seats


def _packed(group: Group, seats: list[Seat], activity: Activity) -> PackedGroup:
    return PackedGroup(
        activity_id=group.activity_id,
        size=group.size,
        price_fen=group.price_fen,
        rules_version=group.rules_version,
        pay_within_ms=activity.pay_within_seconds * 1000,
        leader_member_id=group.leader_member_id,
        opened_ms=to_ms(group.opened_at),
        deadline_ms=to_ms(group.deadline),
        is_closed=False,
        held=len(seats),
        seats={seat.member_id: seat.order_id for seat in seats},
    )
