"""Who leaves gives back a seat, the lead, or the group."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from pgs_data.messaging.models import OutboxMessage
from pgs_data.sharding.slots import alias_of_id
from pgs_web.display.activity.services import update_rules
from pgs_web.trade.group.models import Group, GroupLog, Seat
from pgs_web.trade.group.services import (
    LeaveOutcome,
    PaidSeat,
    SeatOfOrder,
    count_paid_seats,
    fail_group,
    hand_over_seats,
    leave_group,
    refund_seats,
    release_seats,
    settle_groups,
)
from pgs_web.trade.group.states import FailReason
from pgs_web.trade.group.tests.making import make_filled_group, make_group, make_seat, new_order_ids
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def of(*seats: Seat) -> list[SeatOfOrder]:
    return [SeatOfOrder(group_id=seat.group_id, order_id=seat.order_id) for seat in seats]


def pay(*seats: Seat) -> None:
    report = count_paid_seats(
        payments=[PaidSeat(group_id=seat.group_id, order_id=seat.order_id, paid_at=seat.joined_at) for seat in seats]
    )
    assert not report.refused
    assert not report.missing


def look(group: Group) -> tuple[str, str, int, int]:
    group.refresh_from_db()
    return group.state, group.reason, group.paid_count, group.leader_member_id


def topics(group: Group) -> list[str]:
    return list(OutboxMessage.objects.on_node(alias_of_id(group.pk)).order_by("id").values_list("topic", flat=True))


def test_a_released_seat_is_free_for_the_same_member_again():
    group, (leader, friend) = make_filled_group(size=2)
    assert release_seats(seats=of(friend)) == []
    friend.refresh_from_db()
    assert (friend.state, friend.active_member_id) == ("RELEASED", None)
    assert look(group) == ("FORMING", "", 0, leader.member_id)
    again = make_seat(group, member_id=friend.member_id)
    pay(leader, again)
    assert look(group)[:3] == ("SUCCEEDED", "", 2)


def test_the_lead_passes_to_the_member_who_joined_first_of_those_who_are_left():
    group = make_group(size=4, leader_member_id=10)
    leader = make_seat(group, member_id=10)
    last = make_seat(group, member_id=20, after=9)
    second = make_seat(group, member_id=30, after=2)
    third = make_seat(group, member_id=40, after=5)
    release_seats(seats=of(leader))
    assert look(group) == ("FORMING", "", 0, 30)
    pay(third)
    release_seats(seats=of(second))
    assert look(group) == ("FORMING", "", 1, 40)
    assert leave_group(group_id=group.pk, order_id=third.order_id) == LeaveOutcome.LEFT
    assert look(group) == ("FORMING", "", 0, 20)
    release_seats(seats=of(last))
    assert look(group) == ("FAILED", "leader_left", 0, 20)
    assert topics(group) == ["seat.left", "group.failed"]


@pytest.mark.parametrize("how", ["unpaid", "paid", "refunded"])
def test_a_group_of_the_closing_rule_ends_with_its_leader_and_keeps_the_rule_it_was_opened_under(how):
    activity = make_sale(leader_leaves="close")
    group, other = (make_group(size=3, leader_member_id=10, activity_id=activity.pk) for _ in range(2))
    update_rules(activity_id=activity.pk, changes={"leader_leaves": "succession"}, actor="editor")
    younger = make_group(size=3, leader_member_id=10, activity_id=activity.pk)
    Group.objects.filter(pk=younger.pk).update(rules_version=2)
    for one in (group, younger):
        leader, friend = make_seat(one, member_id=10), make_seat(one, member_id=20, after=3)
        pay(friend)
        if how == "unpaid":
            release_seats(seats=of(leader))
        else:
            pay(leader)
            assert how == "refunded" or leave_group(group_id=one.pk, order_id=leader.order_id) == LeaveOutcome.LEFT
            refund_seats(seats=of(leader))
    assert look(group) == ("FAILED", "leader_left", 1, 10)
    assert topics(group).count("group.failed") == 1
    assert look(younger) == ("FORMING", "", 1, 20), "opened under the new rules"
    assert look(other)[0] == "FORMING"


def test_a_member_who_leaves_a_group_of_the_closing_rule_ends_nothing():
    activity = make_sale(leader_leaves="close")
    group = make_group(size=3, leader_member_id=10, activity_id=activity.pk)
    make_seat(group, member_id=10)
    release_seats(seats=of(make_seat(group, member_id=20, after=3)))
    assert look(group) == ("FORMING", "", 0, 10)


def test_everybody_leaves_at_once_and_the_group_ends():
    group, seats = make_filled_group(size=3)
    assert release_seats(seats=of(*seats)) == []
    assert look(group)[:2] == ("FAILED", "leader_left")
    assert topics(group) == ["group.failed"]
    assert settle_groups(group_ids=[group.pk]) == [group.pk]
    assert settle_groups(group_ids=[group.pk]) == []
    assert topics(group) == ["group.failed", "group.settled"]
    assert list(GroupLog.objects.filter(group_id=group.pk).order_by("sequence").values_list("to_state", flat=True)) == [
        "FORMING",
        "FAILED",
        "SETTLED",
    ]


def test_releasing_twice_or_a_paid_seat_changes_nothing():
    group, (leader, friend) = make_filled_group(size=3)[0], make_filled_group(size=2)[1]
    group = Group.objects.get(pk=friend.group_id)
    pay(friend)
    assert release_seats(seats=of(friend)) == []
    friend.refresh_from_db()
    assert friend.state == "PAID"
    release_seats(seats=of(leader))
    before = look(group), topics(group)
    assert release_seats(seats=of(leader)) == []
    assert (look(group), topics(group)) == before


def test_a_seat_that_is_not_written_down_yet_is_reported_and_the_others_leave():
    group, (_, friend) = make_filled_group(size=2)
    (unwritten,) = new_order_ids(1)
    missing = release_seats(seats=[SeatOfOrder(group_id=group.pk, order_id=unwritten), *of(friend)])
    assert missing == [unwritten]
    friend.refresh_from_db()
    assert friend.state == "RELEASED"


def test_a_paid_member_may_leave_only_while_the_group_is_forming():
    group, (leader, friend) = make_filled_group(size=2)
    pay(friend)
    assert leave_group(group_id=group.pk, order_id=friend.order_id) == LeaveOutcome.LEFT
    assert leave_group(group_id=group.pk, order_id=friend.order_id) == LeaveOutcome.LEFT
    assert look(group) == ("FORMING", "", 0, leader.member_id)
    assert topics(group) == ["seat.left"], "told once"

    complete, seats = make_filled_group(size=2)
    pay(*seats)
    assert leave_group(group_id=complete.pk, order_id=seats[0].order_id) == LeaveOutcome.SUCCEEDED
    assert look(complete)[:3] == ("SUCCEEDED", "", 2)

    failed, seats = make_filled_group(size=2)
    pay(seats[0])
    fail_group(group_id=failed.pk, reason=FailReason.RISK, actor="test")
    assert leave_group(group_id=failed.pk, order_id=seats[0].order_id) == LeaveOutcome.FAILED

    assert leave_group(group_id=failed.pk, order_id=new_order_ids(1)[0]) == LeaveOutcome.NO_SEAT_YET
    assert leave_group(group_id=failed.pk + 1, order_id=seats[0].order_id) == LeaveOutcome.NO_SEAT_YET


def test_a_seat_left_before_its_payment_was_counted_is_never_counted():
    group, (leader, friend) = make_filled_group(size=2)
    assert leave_group(group_id=group.pk, order_id=friend.order_id) == LeaveOutcome.LEFT
    pay(leader, friend)
    friend.refresh_from_db()
    assert friend.state == "REFUNDED"
    assert look(group)[:3] == ("FORMING", "", 1)


def test_a_failed_group_is_settled_when_its_last_member_is_made_whole():
    group, seats = make_filled_group(size=3)
    pay(*seats[:2])
    fail_group(group_id=group.pk, reason=FailReason.TIMEOUT, actor="test")
    refund_seats(seats=of(seats[0]))
    release_seats(seats=of(seats[2]))
    assert look(group)[:3] == ("FAILED", "timeout", 2), "the count of a decided group is its history"
    refund_seats(seats=of(seats[1]))
    refund_seats(seats=of(seats[1]))
    # Until it is known that every order which was admitted into it is written down.
    assert look(group)[0] == "FAILED"
    assert settle_groups(group_ids=[group.pk]) == [group.pk]
    assert look(group)[:2] == ("SETTLED", "timeout")
    assert topics(group) == ["group.failed", "group.settled"]


def test_who_left_and_has_taken_a_place_elsewhere_meanwhile_is_owed_nothing_here():
    group = make_group(size=2, leader_member_id=10)
    leader = make_seat(group, member_id=10)
    pay(leader)
    assert leave_group(group_id=group.pk, order_id=leader.order_id) == LeaveOutcome.LEFT
    # Before its refund began, a surcharge that was paid, or another group, had the order.
    assert hand_over_seats(seats=of(leader)) == []
    leader.refresh_from_db()
    assert (leader.state, leader.is_owed) == ("REFUNDED", False)
    assert look(group)[0] == "FAILED"
    assert settle_groups(group_ids=[group.pk]) == [group.pk]


@pytest.mark.parametrize("is_guarded", [True, False])
def test_a_member_who_left_in_time_is_made_whole_too_before_the_group_is_settled(is_guarded):
    group = make_group(size=2, leader_member_id=10)
    leader = make_seat(group, member_id=10)
    pay(leader)
    assert leave_group(group_id=group.pk, order_id=leader.order_id) == LeaveOutcome.LEFT
    assert look(group)[:2] == ("FAILED", "leader_left")
    if not is_guarded:
        # The negative control: a seat that nobody holds any more says nothing about the money.
        Seat.objects.filter(group_id=group.pk).update(is_owed=False)
    settle_groups(group_ids=[group.pk])
    assert (look(group)[0] == "FAILED") is is_guarded
    for _again in range(2):
        refund_seats(seats=of(leader))
    assert look(group)[0] == "SETTLED"
    assert topics(group).count("group.settled") == 1


def test_a_confirmed_seat_stays_when_its_order_is_refunded():
    group, seats = make_filled_group(size=2)
    pay(*seats)
    assert refund_seats(seats=of(seats[0])) == []
    seats[0].refresh_from_db()
    assert seats[0].state == "CONFIRMED"
    assert look(group)[:3] == ("SUCCEEDED", "", 2)


def test_leaving_in_a_batch_costs_a_constant_number_of_queries():
    def queries(number: int) -> int:
        filled = [make_filled_group(size=3) for _ in range(number)]
        leaving = [seat for _, seats in filled for seat in seats[:2]]
        with CaptureQueriesContext(connections[alias_of_id(filled[0][0].pk)]) as captured:
            release_seats(seats=of(*leaving))
        assert all(look(group)[3] == seats[2].member_id for group, seats in filled)
        return len(captured)

    assert queries(2) == queries(12)


def test_a_member_can_not_hold_two_seats_of_a_group():
    group, seats = make_filled_group(size=3)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        make_seat(group, member_id=seats[0].member_id)


def test_a_late_seat_of_an_ended_group_waits_for_its_order():
    group, seats = make_filled_group(size=2, lasts=timedelta(hours=1))
    release_seats(seats=of(*seats))
    settle_groups(group_ids=[group.pk])
    late = make_seat(group, member_id=777)
    assert look(group)[0] == "SETTLED"
    report = count_paid_seats(payments=[PaidSeat(group_id=group.pk, order_id=late.order_id, paid_at=group.opened_at)])
    assert report.refused == [late.order_id]
    assert refund_seats(seats=of(late)) == []
    late.refresh_from_db()
    assert late.state == "REFUNDED"
