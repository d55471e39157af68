"""Seats are counted once, in time, while there is a place; the last one completes the group."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from pgs_data.messaging.models import OutboxMessage
from pgs_data.sharding.slots import alias_of_id
from pgs_web.trade.group.models import Group, GroupLog, Seat
from pgs_web.trade.group.services import PaidSeat, PaymentsReport, count_paid_seats, fail_group
from pgs_web.trade.group.states import FailReason, GroupState, SeatState
from pgs_web.trade.group.tests.making import make_filled_group, make_group, make_seat, new_order_ids

pytestmark = pytest.mark.django_db(databases="__all__")


def pay(group: Group, *seats: Seat, before_deadline: timedelta = timedelta(minutes=1)) -> PaymentsReport:
    paid_at = group.deadline - before_deadline
    return count_paid_seats(
        payments=[PaidSeat(group_id=group.pk, order_id=seat.order_id, paid_at=paid_at) for seat in seats]
    )


def states(group: Group) -> tuple[str, int, list[str]]:
    group.refresh_from_db()
    seats = Seat.objects.filter(group_id=group.pk).order_by("pk")
    return group.state, group.paid_count, [seat.state for seat in seats]


def test_the_last_seat_completes_the_group_once():
    group, seats = make_filled_group(size=3)
    assert pay(group, seats[0]) == PaymentsReport()
    assert states(group) == ("FORMING", 1, ["PAID", "HELD", "HELD"])
    assert (group.decided_at, group.log_count) == (None, 1)
    assert pay(group, seats[1], seats[2]) == PaymentsReport()
    assert states(group) == ("SUCCEEDED", 3, ["CONFIRMED"] * 3)
    assert group.decided_at is not None
    assert group.log_count == 2

    log = GroupLog.objects.filter(group_id=group.pk, sequence=2).get()
    assert (log.from_state, log.to_state) == ("FORMING", "SUCCEEDED")
    message = OutboxMessage.objects.on_node(alias_of_id(group.pk)).get()
    assert message.topic == "group.succeeded"
    assert sorted(message.payload["order_ids"]) == sorted(seat.order_id for seat in seats)

    assert pay(group, *seats) == PaymentsReport(), "counted before: neither again nor refused"
    assert states(group) == ("SUCCEEDED", 3, ["CONFIRMED"] * 3)
    assert OutboxMessage.objects.on_node(alias_of_id(group.pk)).count() == 1


def test_all_seats_in_one_batch_complete_the_group():
    group, seats = make_filled_group(size=3)
    assert pay(group, *seats, seats[0]) == PaymentsReport()
    assert states(group) == ("SUCCEEDED", 3, ["CONFIRMED"] * 3)


def test_a_payment_counts_until_the_deadline_exclusive():
    group, seats = make_filled_group(size=2)
    in_time, late = seats
    assert pay(group, late, before_deadline=timedelta(0)).refused == [late.order_id]
    assert pay(group, in_time, before_deadline=timedelta(milliseconds=1)) == PaymentsReport()
    assert states(group) == ("FORMING", 1, ["PAID", "HELD"])


def test_a_failed_group_counts_nobody():
    group, seats = make_filled_group(size=2)
    assert fail_group(group_id=group.pk, reason=FailReason.WITHDRAWN, actor="test")
    assert pay(group, *seats).refused == [seat.order_id for seat in seats]
    assert states(group) == ("FAILED", 0, ["HELD", "HELD"])


def test_more_seats_than_places_count_no_more_than_the_places():
    """Admission never lets that happen; if it does, the first who paid are in."""
    group, seats = make_filled_group(size=2)
    extra = make_seat(group, member_id=9999)
    first = PaidSeat(group_id=group.pk, order_id=extra.order_id, paid_at=group.deadline - timedelta(minutes=2))
    rest = [
        PaidSeat(group_id=group.pk, order_id=seat.order_id, paid_at=group.deadline - timedelta(minutes=1))
        for seat in seats
    ]
    report = count_paid_seats(payments=[*rest, first])
    assert len(report.refused) == 1
    assert extra.order_id not in report.refused
    group.refresh_from_db()
    assert (group.state, group.paid_count) == ("SUCCEEDED", 2)
    assert Seat.objects.filter(group_id=group.pk, state=SeatState.CONFIRMED).count() == 2


def test_a_seat_or_group_that_is_not_written_down_yet_is_missing_and_the_others_count():
    group, seats = make_filled_group(size=2)
    unwritten, of_unwritten_group = new_order_ids(2)
    payments = [
        PaidSeat(group_id=group.pk, order_id=unwritten, paid_at=group.opened_at),
        PaidSeat(group_id=group.pk + 1, order_id=of_unwritten_group, paid_at=group.opened_at),
        PaidSeat(group_id=group.pk, order_id=seats[0].order_id, paid_at=group.opened_at),
    ]
    report = count_paid_seats(payments=payments)
    assert sorted(report.missing) == sorted([unwritten, of_unwritten_group])
    assert not report.refused
    assert states(group) == ("FORMING", 1, ["PAID", "HELD"])


def test_a_group_of_one_completes_with_its_only_payment():
    group = make_group(size=1)
    pay(group, make_seat(group, member_id=10))
    assert states(group) == ("SUCCEEDED", 1, ["CONFIRMED"])


def test_groups_with_different_numbers_of_payments_in_one_batch():
    """Every CASE of the decisive UPDATE must read the old count, also where SET is evaluated from left to right."""
    groups = [make_filled_group(size=size) for size in (2, 2, 3, 4)]
    paying = [seats[: place + 1] for place, (_, seats) in enumerate(groups)]
    count_paid_seats(
        payments=[
            PaidSeat(group_id=seat.group_id, order_id=seat.order_id, paid_at=groups[0][0].opened_at)
            for seats in paying
            for seat in seats
        ]
    )
    outcome = []
    for group, _ in groups:
        group.refresh_from_db()
        outcome.append((group.state, group.paid_count, group.log_count, group.decided_at is not None))
    assert outcome == [
        (GroupState.FORMING, 1, 1, False),
        (GroupState.SUCCEEDED, 2, 2, True),
        (GroupState.SUCCEEDED, 3, 2, True),
        (GroupState.SUCCEEDED, 4, 2, True),
    ]


def test_a_batch_costs_a_constant_number_of_queries():
    few = [make_filled_group(size=2) for _ in range(2)]
    many = [make_filled_group(size=2) for _ in range(20)]

    def queries(filled: list[tuple[Group, list[Seat]]]) -> int:
        payments = [
            PaidSeat(group_id=group.pk, order_id=seat.order_id, paid_at=group.opened_at)
            for group, seats in filled
            for seat in seats
        ]
        with CaptureQueriesContext(connections[alias_of_id(few[0][0].pk)]) as captured:
            count_paid_seats(payments=payments)
        return len(captured)

    assert queries(few) == queries(many)
