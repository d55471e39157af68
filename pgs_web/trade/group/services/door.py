"""The only door of a group's state, and the lock behind which its seats change."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q

from pgs_data.messaging.outbox import OutboxDraft, append_messages
from pgs_web.trade.group.errors import GroupChangedMeanwhile
from pgs_web.trade.group.messages import TOPIC_OF_ARRIVAL, describe_group
from pgs_web.trade.group.models import Group, GroupLog, Seat
from pgs_web.trade.group.states import ACTIVE_SEATS, GROUP_MOVES, SEAT_MOVES, GroupState, SeatState

# Groups in one transaction; a payment that meets one of them waits as long as the transaction takes.
GROUPS_A_TRANSACTION = 500
# Why a group succeeded, in its log, when not all of its seats were paid by members.
GUARANTEED = "guaranteed"


def lock_groups(alias: str, group_ids: Iterable[int]) -> dict[int, Group]:
    """The groups, locked until the transaction ends; whoever changes a seat has locked its group first.

    In the order of their primary keys, so that two callers do not deadlock. On SQLite BEGIN IMMEDIATE is the lock.
    """
    groups = Group.objects.on_node(alias).select_for_update().filter(pk__in=sorted(set(group_ids))).order_by("pk")
    return {group.pk: group for group in groups}


def grace() -> timedelta:
    """So long after its deadline a group ends: payments made in time reach it even when a relay is busy."""
    return timedelta(seconds=settings.GROUP_EXPIRY_GRACE_SECONDS)


def is_over(group: Group, *, now: datetime) -> bool:
    """Whether deadline and grace of a locked group have passed; `now` is its database's."""
    return group.deadline <= now - grace()


def read_seats(alias: str, *, group_ids: Iterable[int], order_ids: Iterable[int]) -> dict[int, Seat]:
    """Seats of these orders in these (locked) groups, by order id."""
    seats = Seat.objects.on_node(alias).filter(group_id__in=set(group_ids), order_id__in=set(order_ids))
    return {seat.order_id: seat for seat in seats}


def move_seats(alias: str, seats: Sequence[Seat], *, to_state: SeatState, now: datetime) -> None:
    """Moves seats of locked groups; a seat that gives up its place no longer counts for one-seat-a-member."""
    by_state: dict[SeatState, list[Seat]] = defaultdict(list)
    for seat in seats:
        by_state[SeatState(seat.state)].append(seat)
    changes: dict[str, object] = {"state": to_state, "changed_at": now}
    changes["active_member_id"] = F("member_id") if to_state in ACTIVE_SEATS else None
    for from_state, moving in by_state.items():
        if to_state not in SEAT_MOVES[from_state]:
            raise ValueError(f"No seat goes from {from_state} to {to_state}.")
        changed = (
            Seat.objects.on_node(alias).filter(pk__in=[seat.pk for seat in moving], state=from_state).update(**changes)
        )
        if changed != len(moving):
            raise GroupChangedMeanwhile(f"{len(moving)} seats were {from_state} on {alias}, {changed} moved.")
    for seat in seats:
        seat.state = to_state
        seat.active_member_id = seat.member_id if to_state in ACTIVE_SEATS else None


def move_groups(
    alias: str, groups: Sequence[Group], *, to_state: GroupState, actor: str, now: datetime, reason: str = ""
) -> None:
    """Moves locked groups of one state, with log and outbox; raises GroupChangedMeanwhile."""
    if not groups:
        return
    from_state = GroupState(groups[0].state)
    if to_state not in GROUP_MOVES[from_state]:
        raise ValueError(f"No group goes from {from_state} to {to_state}.")
    changes: dict[str, object] = {"state": to_state, "log_count": F("log_count") + 1}
    if reason:
        changes["reason"] = reason
    if to_state == GroupState.FAILED:
        changes |= {"decided_at": now, "awaits_orders": True}
    moved = (
        Group.objects.on_node(alias).filter(pk__in=[group.pk for group in groups], state=from_state).update(**changes)
    )
    if moved != len(groups):
        raise GroupChangedMeanwhile(f"{len(groups)} groups were locked as {from_state} on {alias}, {moved} moved.")
    for group in groups:
        group.state = to_state
        group.reason = reason or group.reason
        group.log_count += 1
    tell_moves(groups, from_state=from_state, actor=actor, now=now)


def tell_moves(
    groups: Sequence[Group],
    *,
    from_state: GroupState,
    actor: str,
    now: datetime,
    order_ids: Mapping[int, Sequence[int]] | None = None,
) -> None:
    """Log and outbox rows of groups that have just moved to their present state, in the same transaction."""
    GroupLog.objects.bulk_create(
        GroupLog(
            group_id=group.pk,
            sequence=group.log_count,
            from_state=from_state,
            to_state=group.state,
            reason=group.reason or (GUARANTEED if group.guaranteed_seats else ""),
            actor=actor,
            at=now,
        )
        for group in groups
    )
    append_messages(
        OutboxDraft(
            topic=TOPIC_OF_ARRIVAL[GroupState(group.state)],
            shard_key=group.pk,
            payload=describe_group(group, at=now, order_ids=(order_ids or {}).get(group.pk, ())),
        )
        for group in groups
    )


def unsettled_groups(alias: str, groups: Iterable[Group]) -> set[int]:
    """Ids of those of the groups in which somebody holds a seat, has to get money back, or isn't written down yet."""
    groups = list(groups)
    seats = Seat.objects.on_node(alias).filter(
        Q(state__in=ACTIVE_SEATS) | Q(is_owed=True), group_id__in={group.pk for group in groups}
    )
    unsettled = set(seats.values_list("group_id", flat=True).distinct())
    return unsettled | {group.pk for group in groups if group.awaits_orders}


def groups_with_active_seats(alias: str, group_ids: Iterable[int]) -> set[int]:
    """Those of the groups in which somebody still holds a seat."""
    held = Seat.objects.on_node(alias).filter(group_id__in=set(group_ids), state__in=ACTIVE_SEATS)
    return set(held.values_list("group_id", flat=True).distinct())
