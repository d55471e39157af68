"""Members leave and arrive at the same moment: there is always one leader who is in, or the group has ended once."""

import random
from collections import Counter
from functools import partial

import pytest

from pgs_data.clock import to_ms
from pgs_data.messaging.models import OutboxMessage
from pgs_data.sharding.slots import alias_of_id
from pgs_task.order_drain.facts import GroupFacts, OrderFacts
from pgs_task.order_drain.persisting import Part, write_node
from pgs_web.trade.group.models import Group, GroupLog, Seat
from pgs_web.trade.group.services import (
    PaidSeat,
    SeatOfOrder,
    count_paid_seats,
    leave_group,
    release_seats,
)
from pgs_web.trade.group.states import ACTIVE_SEATS
from pgs_web.trade.group.tests.making import make_filled_group, make_group, make_seat, new_order_ids
from tests.races.meeting import meet

ROUNDS = 40
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def release(seat: Seat) -> list[int]:
    return release_seats(seats=[SeatOfOrder(group_id=seat.group_id, order_id=seat.order_id)])


def judge(group: Group) -> str:
    """G1 and G4 of one group; returns its state."""
    group.refresh_from_db()
    active = Seat.objects.filter(group_id=group.pk, state__in=ACTIVE_SEATS)
    members = list(active.values_list("member_id", flat=True))
    assert len(members) <= group.size
    decisions = GroupLog.objects.filter(group_id=group.pk, to_state__in=["SUCCEEDED", "FAILED"]).count()
    if group.state == "FORMING":
        assert group.leader_member_id in members
        assert decisions == 0
    else:
        assert decisions == 1
    return group.state


def failures_told(group: Group) -> int:
    messages = OutboxMessage.objects.on_node(alias_of_id(group.pk)).filter(topic="group.failed", shard_key=group.pk)
    return messages.count()


def test_everybody_leaves_at_once():
    for _ in range(ROUNDS):
        group, seats = make_filled_group(size=3)
        meet(*[partial(release, seat) for seat in random.sample(seats, 3)])
        assert judge(group) == "FAILED"
        assert failures_told(group) == 1


def test_the_leader_leaves_while_others_pay_or_leave():
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        group, (leader, second, third) = make_filled_group(size=3)
        paid = PaidSeat(group_id=group.pk, order_id=third.order_id, paid_at=group.opened_at)
        acts = [
            partial(release, leader),
            partial(leave_group, group_id=group.pk, order_id=second.order_id),
            partial(count_paid_seats, payments=[paid]),
        ]
        random.shuffle(acts)
        meet(*acts)
        assert judge(group) == "FORMING"
        assert (group.leader_member_id, group.paid_count) == (third.member_id, 1)
        outcomes[group.state] += 1


def test_the_last_payment_against_a_paid_member_who_leaves():
    """Both want the same group row: it succeeds with the member, or the member is out and it goes on forming."""
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        group, (leader, friend) = make_filled_group(size=2)
        payments = [
            PaidSeat(group_id=group.pk, order_id=seat.order_id, paid_at=group.opened_at) for seat in (leader, friend)
        ]
        count_paid_seats(payments=payments[:1])
        meet(
            partial(count_paid_seats, payments=payments[1:]),
            partial(leave_group, group_id=group.pk, order_id=leader.order_id),
        )
        state = judge(group)
        states = [seat.state for seat in Seat.objects.filter(group_id=group.pk).order_by("pk")]
        if state == "SUCCEEDED":
            assert (states, group.paid_count) == (["CONFIRMED", "CONFIRMED"], 2)
        else:
            assert (states, group.paid_count) == (["REFUNDED", "PAID"], 1)
            assert group.leader_member_id == friend.member_id
        outcomes[state] += 1
    assert len(outcomes) == 2, f"no race took place: {outcomes}"


def test_the_leader_leaves_while_the_drain_brings_a_joiner():
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        group = make_group(size=3, leader_member_id=10)
        leader = make_seat(group, member_id=10)
        joiner = arriving(group, member_id=20)
        meet(
            partial(release, leader),
            partial(write_node, alias_of_id(group.pk), [Part(joiner, has_order=False, has_seat=True)]),
        )
        state = judge(group)
        seat = Seat.objects.get(group_id=group.pk, order_id=joiner.id)
        if state == "FORMING":
            assert group.leader_member_id == joiner.member_id
        else:
            # Too late: it waits for its order, which is cancelled at its time to pay, or refunded.
            assert seat.state == "HELD"
        outcomes[state] += 1
    assert sum(outcomes.values()) == ROUNDS


def arriving(group: Group, *, member_id: int) -> OrderFacts:
    """What the drain knows of an order that joins the group."""
    (order_id,) = new_order_ids(1, member_id=member_id)
    return OrderFacts(
        id=order_id,
        member_id=member_id,
        activity_id=group.activity_id,
        sku_id=1,
        merchant_id=1,
        group=GroupFacts(
            id=group.pk,
            leader_member_id=10,
            size=group.size,
            price_fen=group.price_fen,
            opened_ms=to_ms(group.opened_at),
            deadline_ms=to_ms(group.deadline),
            alias=alias_of_id(group.pk),
        ),
        quantity=1,
        unit_price_fen=group.price_fen,
        amount_fen=group.price_fen,
        address_id=1,
        idempotency_key=str(order_id),
        rules_version=1,
        accepted_ms=to_ms(group.opened_at) + 1000,
        pay_by_ms=to_ms(group.deadline),
        alias=alias_of_id(order_id),
    )
