"""G1 to G5: groups and seats."""

from collections import defaultdict
from collections.abc import Iterator

from django.db.models import Count, Exists, OuterRef, Q

from pgs_data.clock import database_now
from pgs_data.sharding.slots import ids_by_node, node_aliases
from pgs_task.reconciliation.contract import When, make_check
from pgs_task.reconciliation.grace import GROUP_GRACE
from pgs_web.trade.group.models import Group, GroupLog, Seat
from pgs_web.trade.group.states import ACTIVE_SEATS, GroupState, SeatState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState

CHUNK = 500
MADE_WHOLE = frozenset({OrderState.CANCELLED, OrderState.REFUNDED, OrderState.REJECTED})


@make_check("G1", When.ALWAYS, "active members ≤ size, exactly one leader, a member once a group")
def seats_fit() -> Iterator[str]:
    for alias in node_aliases():
        yield from _overfull(alias)
        yield from _leaderless(alias)
        doubles = (
            Seat.objects.on_node(alias)
            .filter(state__in=ACTIVE_SEATS)
            .values("group_id", "member_id")
            .annotate(seats=Count("id"))
            .filter(seats__gt=1)
        )
        for row in doubles.iterator(CHUNK):
            yield f"member {row['member_id']} sits {row['seats']} times in group {row['group_id']}"


def _overfull(alias: str) -> Iterator[str]:
    active = (
        Seat.objects.on_node(alias)
        .filter(state__in=ACTIVE_SEATS)
        .values_list("group_id")
        .annotate(seats=Count("id"))
        .order_by("group_id")
    )
    counts: dict[int, int] = {}
    for group_id, seats in active.iterator(CHUNK):
        counts[group_id] = seats
        if len(counts) >= CHUNK:
            yield from _above_size(alias, counts)
            counts = {}
    yield from _above_size(alias, counts)


def _above_size(alias: str, counts: dict[int, int]) -> Iterator[str]:
    for group_id, size in Group.objects.on_node(alias).filter(id__in=list(counts)).values_list("id", "size"):
        if counts[group_id] > size:
            yield f"group {group_id}: {counts[group_id]} active seats of {size}"


def _leaderless(alias: str) -> Iterator[str]:
    leader_seat = Seat.objects.on_node(alias).filter(
        group_id=OuterRef("id"), member_id=OuterRef("leader_member_id"), state__in=ACTIVE_SEATS
    )
    any_seat = Seat.objects.on_node(alias).filter(group_id=OuterRef("id"), state__in=ACTIVE_SEATS)
    groups = Group.objects.on_node(alias).filter(
        Exists(any_seat), ~Exists(leader_seat), state__in=[GroupState.FORMING, GroupState.SUCCEEDED]
    )
    for group in groups.iterator(CHUNK):
        yield f"group {group.pk} has members and no leader among them"


@make_check("G2", When.QUIET, "SUCCEEDED ⇔ as many confirmed members as its size")
def success_is_full() -> Iterator[str]:
    for alias in node_aliases():
        confirmed = dict(
            Seat.objects.on_node(alias)
            .filter(state=SeatState.CONFIRMED)
            .values_list("group_id")
            .annotate(seats=Count("id"))
            .order_by()
        )
        groups = Group.objects.on_node(alias).filter(state=GroupState.SUCCEEDED).values_list("id", "size", "paid_count")
        for group_id, size, paid_count in groups.iterator(2000):
            seats = confirmed.pop(group_id, 0)
            if not seats == size == paid_count:
                yield f"group {group_id} SUCCEEDED with {seats} confirmed seats, {paid_count} paid, of {size}"
        for group_id in confirmed:
            yield f"group {group_id} has confirmed seats and has not succeeded"
        paid_elsewhere = Seat.objects.on_node(alias).filter(state=SeatState.PAID)
        forming = Group.objects.on_node(alias).filter(state=GroupState.FORMING).values("id")
        for seat in paid_elsewhere.exclude(group_id__in=forming).iterator(CHUNK):
            yield f"group {seat.group_id}: the seat of order {seat.order_id} is PAID and the group isn't FORMING"


@make_check("G3", When.QUIET, "FAILED ⇒ every paid member refunded, every unit given back once")
def failure_is_settled() -> Iterator[str]:
    for alias in node_aliases():
        groups = Group.objects.on_node(alias).filter(state__in=[GroupState.FAILED, GroupState.SETTLED]).order_by("id")
        last_id = 0
        while page := dict(groups.filter(id__gt=last_id).values_list("id", "state")[:CHUNK]):
            last_id = max(page)
            seats = Seat.objects.on_node(alias).filter(group_id__in=list(page)).values_list("order_id", "group_id")
            owners: dict[int, int] = dict(seats)
            open_orders = defaultdict(list)
            for node, order_ids in ids_by_node(owners).items():
                orders = Order.objects.on_node(node).filter(id__in=order_ids).exclude(state__in=MADE_WHOLE)
                for order_id, state in orders.values_list("id", "state"):
                    # A refund on its way is no offence before its latest-by time (O7), but the group isn't settled yet.
                    if state != OrderState.REFUNDING or page[owners[order_id]] == GroupState.SETTLED:
                        open_orders[owners[order_id]].append(f"{order_id} {state}")
            for group_id, found in open_orders.items():
                yield f"group {group_id} is {page[group_id]}, not made whole: {', '.join(found[:5])}"


@make_check("G4", When.ALWAYS, "never SUCCEEDED and FAILED in one history")
def one_fate() -> Iterator[str]:
    for alias in node_aliases():
        fates = (
            GroupLog.objects.on_node(alias)
            .filter(to_state__in=[GroupState.SUCCEEDED, GroupState.FAILED])
            .values("group_id")
            .annotate(fates=Count("id"))
            .filter(fates__gt=1)
        )
        for row in fates.iterator(CHUNK):
            yield f"group {row['group_id']} was decided {row['fates']} times"


@make_check("G5", When.QUIET, "no FORMING group past its deadline")
def no_group_past_deadline() -> Iterator[str]:
    for alias in node_aliases():
        late = Group.objects.on_node(alias).filter(
            Q(state=GroupState.FORMING), deadline__lt=database_now(alias) - GROUP_GRACE
        )
        for group in late.iterator(CHUNK):
            yield f"group {group.pk} is FORMING, its deadline was {group.deadline:%F %T}"


CHECKS = [seats_fit, success_is_full, failure_is_settled, one_fate, no_group_past_deadline]
