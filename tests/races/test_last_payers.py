"""Two last payers at once: their orders live on different nodes, so two relays bring them at the same moment."""

import threading
from collections import Counter
from functools import partial

import pytest

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_task.handlers.orders import handle_order_paid
from pgs_task.handlers.tests.making import (
    by_node_and_topic,
    deliver_all,
    hold_states,
    load_ledger,
    stock_now,
    waiting_messages,
    waiting_topics,
)
from pgs_task.handlers.tests.test_handlers import WITHOUT_PAYMENT
from pgs_web.trade.group.messages import GroupTopic
from pgs_web.trade.group.models import Group, GroupLog, Seat
from pgs_web.trade.group.services import PaidSeat, count_paid_seats
from pgs_web.trade.order.messages import OrderTopic
from pgs_web.trade.order.services import mark_paid
from pgs_web.trade.order.tests.making import GroupOfOrders, make_group_of_orders
from tests.races.meeting import meet, rounds

ROUNDS = rounds(50)
ACTIVITY = 7001
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def paid_seat(made: GroupOfOrders, place: int) -> PaidSeat:
    return PaidSeat(group_id=made.group.pk, order_id=made.orders[place].pk, paid_at=made.group.opened_at)


def test_the_group_completes_exactly_once():
    for _ in range(ROUNDS):
        made = make_group_of_orders(size=3)
        count_paid_seats(payments=[paid_seat(made, 0)])
        meet(*[partial(count_paid_seats, payments=[paid_seat(made, place)]) for place in (1, 2)])
        made.group.refresh_from_db()
        assert (made.group.state, made.group.paid_count, made.group.log_count) == ("SUCCEEDED", 3, 2)
        assert GroupLog.objects.filter(group_id=made.group.pk, to_state="SUCCEEDED").count() == 1
        assert Seat.objects.filter(group_id=made.group.pk, state="CONFIRMED").count() == 3
        assert waiting_topics() == Counter({GroupTopic.SUCCEEDED: 1})
        deliver_all({GroupTopic.SUCCEEDED: lambda messages: None})


def test_one_payment_brought_by_two_relays_counts_once():
    for _ in range(ROUNDS // 5):
        made = make_group_of_orders(size=3)
        meet(*[partial(count_paid_seats, payments=[paid_seat(made, 0)])] * 3)
        made.group.refresh_from_db()
        assert (made.group.state, made.group.paid_count) == ("FORMING", 1)


def test_from_payment_to_shipping_with_two_relays_at_once():
    for _ in range(ROUNDS // 5):
        made = make_group_of_orders(size=2)
        load_ledger(activity_id=ACTIVITY, orders=made.orders, groups=[made.group])
        meet(*[partial(pay, order.pk) for order in made.orders])
        batches = by_node_and_topic([one for one in waiting_messages() if one.topic == OrderTopic.PAID])
        assert len(batches) == 2, "a relay each"
        meet(*[partial(handle_order_paid, batch) for batch in batches.values()])
        deliver_all(WITHOUT_PAYMENT)
        for order in made.orders:
            order.refresh_from_db()
        assert [order.state for order in made.orders] == ["TO_SHIP", "TO_SHIP"]
        assert hold_states(ACTIVITY, made.orders) == ["S", "S"]
        assert stock_now(ACTIVITY).lock == 0


def pay(order_id: int) -> bool:
    return mark_paid(order_id=order_id, paid_at=database_now(alias_of_id(order_id)))


def test_reading_first_loses_a_payer():
    """The negative control: both read the count, then both write it. If this passed, the race above proves nothing."""
    made = make_group_of_orders(size=3)
    count_paid_seats(payments=[paid_seat(made, 0)])
    both_have_read = threading.Barrier(2)

    def read_then_write() -> None:
        group = Group.objects.get(pk=made.group.pk)
        both_have_read.wait(timeout=30)
        group.paid_count += 1
        if group.paid_count == group.size:
            group.state = "SUCCEEDED"
        group.save()

    meet(read_then_write, read_then_write)
    made.group.refresh_from_db()
    assert (made.group.state, made.group.paid_count) == ("FORMING", 2), "three have paid, and the group never completes"
