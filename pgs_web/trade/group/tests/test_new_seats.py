"""Groups that keep seats for new members: so many of the others as are left may sit in them, judged when they pay."""

import os
from collections.abc import Collection
from contextlib import nullcontext
from functools import partial
from unittest.mock import patch

import pytest

from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.services import PaidSeat, SeatOfOrder, count_paid_seats, paying, refund_seats
from pgs_web.trade.group.tests.making import make_filled_group, make_group, make_seat
from tests.races.meeting import meet

pytestmark = pytest.mark.django_db(databases="__all__")
PAYERS = 100


def pay(group: Group, *seats: Seat, new: Collection[int] = (), new_seats: int = 2) -> list[int]:
    """Orders that lost their seats; `new`: members whose first paid order it is."""
    report = count_paid_seats(
        payments=[
            PaidSeat(
                group_id=group.pk,
                order_id=seat.order_id,
                paid_at=group.opened_at,
                new_seats=new_seats,
                is_first=seat.member_id in new,
            )
            for seat in seats
        ]
    )
    return report.refused


def returning(group: Group) -> list[bool | None]:
    return list(Seat.objects.filter(group_id=group.pk).order_by("pk").values_list("is_returning", flat=True))


@pytest.mark.parametrize("at_once", [True, False])
def test_who_is_not_new_sits_where_nobody_new_has_to(at_once):
    group, seats = make_filled_group(size=5)
    first = {seat.member_id for seat in seats[3:]}
    if at_once:
        refused = pay(group, *seats, new=first)
    else:
        refused = [order_id for seat in seats for order_id in pay(group, seat, new=first)]
    assert refused == []
    assert returning(group) == [None, True, True, False, False]
    assert Group.objects.get(pk=group.pk).state == "SUCCEEDED"


def test_the_seat_that_is_lost_is_free_again():
    group, (leader, old, older, new) = make_filled_group(size=4)
    assert pay(group, leader, old, older) == [older.order_id]
    assert pay(group, older) == [older.order_id], "told again it is lost again"
    refund_seats(seats=[SeatOfOrder(group_id=group.pk, order_id=old.order_id)])
    late = make_seat(group, member_id=older.member_id + 1)
    assert pay(group, late, new, new={new.member_id}) == []
    assert Group.objects.get(pk=group.pk).paid_count == 3


@pytest.mark.parametrize("is_marked", [True, False], ids=["marked", "control"])
def test_who_was_refused_stays_refused_when_somebody_leaves(is_marked):
    """The money is on its way back: told again, the order takes no seat that has become free since."""
    group, (leader, old, older, _new) = make_filled_group(size=4)
    with nullcontext() if is_marked else patch.object(paying, "_say_who_returned"):
        assert pay(group, leader, old, older) == [older.order_id]
    Seat.objects.filter(group_id=group.pk, order_id=old.order_id).update(is_returning=True)
    refund_seats(seats=[SeatOfOrder(group_id=group.pk, order_id=old.order_id)])
    assert pay(group, older) == ([older.order_id] if is_marked else [])
    assert Group.objects.get(pk=group.pk).paid_count == (1 if is_marked else 2)


def test_the_control_without_the_rule_everybody_sits():
    group, seats = make_filled_group(size=4)
    assert pay(group, *seats, new_seats=0) == []
    assert returning(group) == [None] * 4


def race(rounds: int) -> None:
    for _ in range(rounds):
        group = make_group(size=PAYERS + 2, leader_member_id=10)
        seats = [make_seat(group, member_id=1000 + number) for number in range(PAYERS)]
        lost = meet(*(partial(pay, group, seat, new_seats=PAYERS) for seat in seats))
        assert sum(map(len, lost)) == PAYERS - 1
        assert Seat.objects.filter(group_id=group.pk, state="PAID").count() == 1


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.django_db(databases="__all__", transaction=True)
def test_a_hundred_pay_for_the_last_seat_that_needs_nobody_new():
    race(2)


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.timeout(600)
@pytest.mark.django_db(databases="__all__", transaction=True)
def test_a_hundred_pay_for_the_last_seat_that_needs_nobody_new_again_and_again():
    race(int(os.environ.get("PGS_RACE_ROUNDS", "20")))


def test_the_control_of_the_race():
    """Who counts before the lock counts nobody: both sit."""
    group, (leader, old, older, _new) = make_filled_group(size=4)
    with patch.object(paying, "_count_returning", return_value={}):
        assert [pay(group, seat) for seat in (leader, old, older)] == [[], [], []]
