"""Seats are given up; a leader's place passes on or the group ends, by its rules; so does one that is deserted."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import F, OuterRef, Subquery

from pgs_data.clock import database_now
from pgs_data.messaging.outbox import OutboxDraft, append_messages
from pgs_data.sharding.slots import ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_web.display.activity.selectors import read_group_rules
from pgs_web.display.activity.states import LeaderLeaves
from pgs_web.trade.group.errors import GroupChangedMeanwhile
from pgs_web.trade.group.messages import GroupTopic, describe_seat
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.services.door import (
    GROUPS_A_TRANSACTION,
    groups_with_active_seats,
    lock_groups,
    move_groups,
    move_seats,
    read_seats,
    unsettled_groups,
)
from pgs_web.trade.group.states import ACTIVE_SEATS, FailReason, GroupState, SeatState


@dataclass(frozen=True, kw_only=True)
class SeatOfOrder:
    """The seat that an order holds in a group."""

    group_id: int
    order_id: int


class LeaveOutcome(StrEnum):
    LEFT = "LEFT"  # the seat is given up; `seat.left` starts the refund
    SUCCEEDED = "SUCCEEDED"  # the group was complete before; the seat stays
    FAILED = "FAILED"  # the group failed before; its members are being refunded
    NO_SEAT_YET = "NO_SEAT_YET"  # not written down on the group's node yet


def release_seats(*, seats: Sequence[SeatOfOrder]) -> list[int]:
    """Gives back the seats of orders that were cancelled unpaid; returns orders whose seat isn't written down yet."""
    return _give_up(seats, from_states={SeatState.HELD}, to_state=SeatState.RELEASED)


def refund_seats(*, seats: Sequence[SeatOfOrder]) -> list[int]:
    """Gives back the seats of refunded orders; returns orders whose seat isn't written down yet.

    A confirmed seat stays: its group succeeded with it. One that its member had given up before is owed nothing any
    more. A failed group whose members have all been made whole is settled.
    """
    # RELEASED: of an order that was taken up again, and whose group was over when its payment was counted.
    return _give_up(
        seats,
        from_states={SeatState.HELD, SeatState.PAID, SeatState.RELEASED},
        to_state=SeatState.REFUNDED,
        is_made_whole=True,
    )


def hand_over_seats(*, seats: Sequence[SeatOfOrder]) -> list[int]:
    """Gives back the seats of paid orders that have taken a place elsewhere; returns those not written down yet.

    Who had asked for the money a moment before, and given up the seat for that, is owed nothing in this group either:
    the order tells what becomes of its money. A failed group in which nobody is left is settled.
    """
    return _give_up(
        seats, from_states={SeatState.HELD, SeatState.PAID}, to_state=SeatState.RELEASED, is_made_whole=True
    )


def leave_group(*, group_id: int, order_id: int) -> LeaveOutcome:
    """Gives up a paid order's seat while the group is FORMING, and tells it (`seat.left`), both or neither.

    A seat whose payment is not counted yet is given up too; the count then finds it gone.
    """
    with node_transaction(group_id) as alias:
        group = lock_groups(alias, [group_id]).get(group_id)
        seat = read_seats(alias, group_ids=[group_id], order_ids=[order_id]).get(order_id)
        if group is None or seat is None:
            return LeaveOutcome.NO_SEAT_YET
        if group.state == GroupState.SUCCEEDED:
            return LeaveOutcome.SUCCEEDED
        if group.state != GroupState.FORMING:
            return LeaveOutcome.FAILED
        # RELEASED: a cancelled order that was taken up again, and whose payment is not counted yet.
        if seat.state in {SeatState.HELD, SeatState.PAID, SeatState.RELEASED}:
            now = database_now(alias)
            # Owed before the seat is free: the group that its leaving fails isn't settled over it.
            Seat.objects.on_node(alias).filter(pk=seat.pk).update(is_owed=True)
            _leave(alias, {group_id: group}, [seat], to_state=SeatState.REFUNDED, now=now)
            draft = OutboxDraft(topic=GroupTopic.SEAT_LEFT, shard_key=group_id, payload=describe_seat(seat, at=now))
            append_messages([draft])
        return LeaveOutcome.LEFT


def _give_up(
    seats: Sequence[SeatOfOrder],
    *,
    from_states: Collection[SeatState],
    to_state: SeatState,
    is_made_whole: bool = False,
) -> list[int]:
    by_group: dict[int, set[int]] = defaultdict(set)
    for seat in seats:
        by_group[seat.group_id].add(seat.order_id)
    missing: list[int] = []
    for alias, group_ids in ids_by_node(by_group).items():
        for start in range(0, len(group_ids), GROUPS_A_TRANSACTION):
            batch = group_ids[start : start + GROUPS_A_TRANSACTION]
            order_ids = {order_id for group_id in batch for order_id in by_group[group_id]}
            with node_transaction(alias):
                groups = lock_groups(alias, batch)
                known = read_seats(alias, group_ids=batch, order_ids=order_ids)
                leaving = [seat for seat in known.values() if seat.state in from_states and seat.group_id in groups]
                if leaving:
                    _leave(alias, groups, leaving, to_state=to_state, now=database_now(alias))
                owed = [seat for seat in known.values() if is_made_whole and seat.is_owed and seat.group_id in groups]
                if owed:
                    _pay_off(alias, groups, owed, now=database_now(alias))
            missing.extend(sorted(order_ids - known.keys()))
    return missing


def _leave(
    alias: str, groups: Mapping[int, Group], leaving: Sequence[Seat], *, to_state: SeatState, now: datetime
) -> None:
    """Moves seats of locked groups out, and draws the consequences for count, leader and state of the groups."""
    paid = [seat for seat in leaving if seat.state == SeatState.PAID]
    gone: dict[int, set[int]] = defaultdict(set)
    for seat in leaving:
        # Who had left before may be in again, with another order.
        if seat.state in ACTIVE_SEATS:
            gone[seat.group_id].add(seat.member_id)
    move_seats(alias, leaving, to_state=to_state, now=now)
    _uncount(alias, groups, paid)

    forming = [groups[group_id] for group_id in gone if groups[group_id].state == GroupState.FORMING]
    leaderless = [group for group in forming if group.leader_member_id in gone[group.pk]]
    failed = [groups[group_id] for group_id in gone if groups[group_id].state == GroupState.FAILED]
    alive = groups_with_active_seats(alias, [group.pk for group in leaderless])
    led_on = _led_on([group for group in leaderless if group.pk in alive])
    _pass_leadership(alias, led_on)
    ended = [group for group in leaderless if group.pk not in led_on]
    move_groups(alias, ended, to_state=GroupState.FAILED, reason=FailReason.LEADER_LEFT, actor="group", now=now)
    _settle(alias, failed, now=now)


def _pay_off(alias: str, groups: Mapping[int, Group], owed: Sequence[Seat], *, now: datetime) -> None:
    """The members who had given up these seats are owed nothing in these groups; nothing else about them changes."""
    Seat.objects.on_node(alias).filter(pk__in=[seat.pk for seat in owed]).update(is_owed=False)
    failed = {seat.group_id for seat in owed if groups[seat.group_id].state == GroupState.FAILED}
    _settle(alias, [groups[group_id] for group_id in sorted(failed)], now=now)


def _settle(alias: str, failed: Sequence[Group], *, now: datetime) -> None:
    unsettled = unsettled_groups(alias, failed)
    whole = [group for group in failed if group.pk not in unsettled]
    move_groups(alias, whole, to_state=GroupState.SETTLED, actor="group", now=now)


def _led_on(groups: Sequence[Group]) -> set[int]:
    """Those of the groups that another member may lead, by the rules that they were opened under.

    Reads `default` while the groups are locked: it happens only when a leader leaves others behind, and a `default`
    that is away rolls all back, to be repeated.
    """
    rules = read_group_rules((group.activity_id, group.rules_version) for group in groups)
    return {
        group.pk
        for group in groups
        if rules[group.activity_id, group.rules_version].leader_leaves != LeaderLeaves.CLOSE
    }


def _uncount(alias: str, groups: Mapping[int, Group], paid: Sequence[Seat]) -> None:
    """Takes paid seats out of the count of FORMING groups; what a decided group had stays as its history."""
    number: dict[int, int] = defaultdict(int)
    for seat in paid:
        if groups[seat.group_id].state == GroupState.FORMING:
            number[seat.group_id] += 1
    by_number: dict[int, list[int]] = defaultdict(list)
    for group_id, count in number.items():
        by_number[count].append(group_id)
    for count, group_ids in by_number.items():
        changed = (
            Group.objects.on_node(alias)
            .filter(pk__in=group_ids, state=GroupState.FORMING, paid_count__gte=count)
            .update(paid_count=F("paid_count") - count)
        )
        if changed != len(group_ids):
            raise GroupChangedMeanwhile(f"{len(group_ids)} locked groups had paid seats on {alias}, {changed} changed.")


def _pass_leadership(alias: str, group_ids: Collection[int]) -> None:
    """Makes the member who joined first among those who are left the leader, in one UPDATE."""
    if not group_ids:
        return
    first = (
        Seat.objects.on_node(alias)
        .filter(group_id=OuterRef("pk"), state__in=ACTIVE_SEATS)
        .order_by("joined_at", "pk")
        .values("member_id")[:1]
    )
    Group.objects.on_node(alias).filter(pk__in=group_ids, state=GroupState.FORMING).update(
        leader_member_id=Subquery(first)
    )
