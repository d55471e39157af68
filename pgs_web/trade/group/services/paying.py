"""Seats are paid, and the payment of the last one completes the group."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Case, Count, DateTimeField, F, Q, Value, When

from pgs_data.clock import database_now
from pgs_data.sharding.slots import ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_web.trade.group.errors import GroupChangedMeanwhile
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.services.completing import finish_completed
from pgs_web.trade.group.services.door import GROUPS_A_TRANSACTION, lock_groups, move_seats, read_seats
from pgs_web.trade.group.states import GroupState, SeatState


@dataclass(frozen=True, kw_only=True)
class PaidSeat:
    """An order was paid at this moment, and its seat should count.

    `is_revived`: the order was cancelled and taken up again, its seat may be RELEASED; the ledger holds its place.
    """

    group_id: int
    order_id: int
    paid_at: datetime
    is_revived: bool = False
    # Of the group's seats so many are for members whose first paid order it is; 0: nobody was asked.
    new_seats: int = 0
    is_first: bool = True


@dataclass(frozen=True, kw_only=True)
class PaymentsReport:
    """`refused`: orders whose money goes back, `not_new` those of them whose member sits on no seat for a new one.

    `missing`: orders whose seat is not written down yet: ask again.
    """

    refused: list[int] = field(default_factory=list)
    not_new: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)


def count_paid_seats(*, payments: Sequence[PaidSeat]) -> PaymentsReport:
    """Counts each paid seat once, and completes the groups whose last seat it was; one transaction a node and batch.

    A seat counts while its group is FORMING and the payment came before the deadline; that of a member who isn't new
    while the seats for new members aren't needed for it. A payment counted before is neither counted again nor refused.
    """
    by_group: dict[int, list[PaidSeat]] = defaultdict(list)
    for payment in payments:
        by_group[payment.group_id].append(payment)
    report = PaymentsReport()
    for alias, group_ids in ids_by_node(by_group).items():
        for start in range(0, len(group_ids), GROUPS_A_TRANSACTION):
            batch = {group_id: by_group[group_id] for group_id in group_ids[start : start + GROUPS_A_TRANSACTION]}
            with node_transaction(alias):
                of_node = _count_on_node(alias, batch)
            report.refused.extend(of_node.refused)
            report.not_new.extend(of_node.not_new)
            report.missing.extend(of_node.missing)
    return report


def _count_on_node(alias: str, payments: Mapping[int, Sequence[PaidSeat]]) -> PaymentsReport:
    groups = lock_groups(alias, payments)
    order_ids = [payment.order_id for of_group in payments.values() for payment in of_group]
    seats = read_seats(alias, group_ids=payments, order_ids=order_ids)
    revived = {payment.order_id for of_group in payments.values() for payment in of_group if payment.is_revived}
    countable = _countable(alias, seats, revived)
    returning = _count_returning(alias, payments)
    report = PaymentsReport()
    counting: dict[int, list[Seat]] = {}
    for group_id, of_group in payments.items():
        group = groups.get(group_id)
        if group is None:
            report.missing.extend(payment.order_id for payment in of_group)
        else:
            counted = _judge(group, of_group, seats, countable, returning.get(group_id, 0), report)
            if counted:
                counting[group_id] = counted
    moving = [seat for counted in counting.values() for seat in counted]
    _say_who_returned(alias, [*moving, *(seats[order_id] for order_id in report.not_new)])
    if counting:
        now = database_now(alias)
        move_seats(alias, moving, to_state=SeatState.PAID, now=now)
        _count(alias, counting, now=now)
        finish_completed(alias, counting, actor="payment", now=now)
    return report


def _countable(alias: str, seats: Mapping[int, Seat], revived: Collection[int]) -> set[int]:
    """Orders whose seat a payment may win: it is HELD, or was released by a cancellation that is undone.

    Released, it is nobody's meanwhile: another order of the same member may have come in.
    """
    released = {order_id: seats[order_id] for order_id in revived if order_id in seats}
    released = {order_id: seat for order_id, seat in released.items() if seat.state == SeatState.RELEASED}
    taken: set[tuple[int, int]] = set()
    if released:
        rows = Seat.objects.on_node(alias).filter(
            group_id__in={seat.group_id for seat in released.values()},
            active_member_id__in={seat.member_id for seat in released.values()},
        )
        taken = set(rows.values_list("group_id", "member_id"))
    held = {order_id for order_id, seat in seats.items() if seat.state == SeatState.HELD}
    return held | {order_id for order_id, seat in released.items() if (seat.group_id, seat.member_id) not in taken}


def _judge(
    group: Group,
    payments: Sequence[PaidSeat],
    seats: Mapping[int, Seat],
    countable: Collection[int],
    returning: int,
    report: PaymentsReport,
) -> list[Seat]:
    """The seats of one locked group that these payments win; first paid, first served.

    `returning`: its paid members, without the leader, who weren't new.
    """
    won: list[Seat] = []
    once = {payment.order_id: payment for payment in payments}
    for payment in sorted(once.values(), key=lambda payment: (payment.paid_at, payment.order_id)):
        seat = seats.get(payment.order_id)
        if seat is None:
            report.missing.append(payment.order_id)
        elif payment.order_id in countable:
            # The group is locked, so its deadline doesn't move; what others change is judged by the UPDATE again.
            in_time = payment.paid_at < group.deadline
            has_place = group.state == GroupState.FORMING and in_time and group.paid_count + len(won) < group.size
            if payment.new_seats and seat.member_id != group.leader_member_id:
                # Such a group ends when its leader leaves, so the leader is who opened it. A seat that says so before
                # it is paid was refused for it: the money is on its way back, also when one of the others has left.
                was_refused = bool(seat.is_returning)
                is_full = has_place and not payment.is_first and returning >= group.size - 1 - payment.new_seats
                seat.is_returning = not payment.is_first
                if was_refused or is_full:
                    has_place = False
                    report.not_new.append(payment.order_id)
            if has_place:
                won.append(seat)
                returning += bool(seat.is_returning)
            else:
                report.refused.append(payment.order_id)
        elif seat.state == SeatState.RELEASED:
            report.refused.append(payment.order_id)
    return won


def _count_returning(alias: str, payments: Mapping[int, Sequence[PaidSeat]]) -> dict[int, int]:
    """Paid members who weren't new, of the locked groups that keep seats for new ones; no query where there is none."""
    keeping = [group_id for group_id, of_group in payments.items() if any(one.new_seats for one in of_group)]
    if not keeping:
        return {}
    rows = Seat.objects.on_node(alias).filter(group_id__in=keeping, state=SeatState.PAID, is_returning=True)
    return dict(rows.values_list("group_id").annotate(count=Count("pk")).order_by())


def _say_who_returned(alias: str, seats: Sequence[Seat]) -> None:
    for is_returning in (True, False):
        asked = [seat.pk for seat in seats if seat.is_returning is is_returning]
        if asked:
            Seat.objects.on_node(alias).filter(pk__in=asked).update(is_returning=is_returning)


def _count(alias: str, counting: Mapping[int, Sequence[Seat]], *, now: datetime) -> None:
    """The decisive UPDATE: counts, and completes where the last seat was paid, or changes nothing."""
    by_number: dict[int, list[int]] = defaultdict(list)
    for group_id, seats in counting.items():
        by_number[len(seats)].append(group_id)
    for number, group_ids in by_number.items():
        # `size >= paid + n`, never `size - n`: both columns are unsigned in MariaDB, where a negative is an error.
        is_last = Q(size=F("paid_count") + number)
        moment = Value(now, output_field=DateTimeField())
        changed = (
            Group.objects.on_node(alias)
            .filter(pk__in=group_ids, state=GroupState.FORMING, size__gte=F("paid_count") + number)
            .update(
                # MariaDB assigns from left to right and later expressions see the new values; SQLite's all see the
                # old row. paid_count comes last, so in both every CASE reads the old count.
                log_count=F("log_count") + Case(When(is_last, then=1), default=0),
                decided_at=Case(When(is_last, then=moment), default=F("decided_at")),
                state=Case(When(is_last, then=Value(GroupState.SUCCEEDED)), default=F("state")),
                paid_count=F("paid_count") + number,
            )
        )
        if changed != len(group_ids):
            raise GroupChangedMeanwhile(f"{len(group_ids)} locked groups had places on {alias}, {changed} counted.")
