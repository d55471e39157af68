"""What follows from a message, over nodes and the ledger; twice is once, and what isn't there yet is waited for."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import OperationalError

from pgs_data.clock import database_now
from pgs_data.ids.snowflake import new_id
from pgs_data.messaging.errors import RetryLater
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import alias_of_id, slot_of_key
from pgs_task.handlers import orders as order_handlers
from pgs_task.handlers.groups import handle_group_failed
from pgs_task.handlers.orders import handle_order_cancelled, handle_order_paid, handle_order_refunded
from pgs_task.handlers.tests.making import (
    deliver_all,
    hold_states,
    load_ledger,
    stock_now,
    waiting_messages,
    waiting_topics,
)
from pgs_task.payment.messages import PaymentTopic
from pgs_task.routes import ROUTES
from pgs_web.trade.after_sale.messages import AfterSaleTopic
from pgs_web.trade.group.messages import GroupTopic
from pgs_web.trade.group.models import Seat
from pgs_web.trade.group.services import fail_group, release_seats
from pgs_web.trade.group.states import FailReason
from pgs_web.trade.group.tests.in_ledger import read_group
from pgs_web.trade.group.tests.making import make_seat
from pgs_web.trade.order.messages import OrderTopic
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_orders, finish_refund, mark_paid, mark_shipped, request_refund
from pgs_web.trade.order.states import CancelReason
from pgs_web.trade.order.tests.making import GroupOfOrders, make_group_of_orders, make_order
from pgs_web.trade.stock.keys import stock_key

ACTIVITY = 7001
pytestmark = pytest.mark.django_db(databases="__all__")


def settle_refund(messages):
    """Stands in for payment, whose own tests judge it: the gateway gave the money back at once."""
    for message in messages:
        finish_refund(order_id=message.payload["order_id"])


WITHOUT_PAYMENT = {
    **ROUTES,
    OrderTopic.REFUNDING: settle_refund,
    OrderTopic.CANCELLED: handle_order_cancelled,
    # Shipping has tests of its own.
    OrderTopic.TO_SHIP: lambda messages: None,
}


def relay() -> None:
    deliver_all(WITHOUT_PAYMENT)
    assert waiting_messages() == []


@pytest.fixture
def group() -> GroupOfOrders:
    """A full group of two unpaid orders on two nodes, with the ledger that belongs to it."""
    made = make_group_of_orders(size=2)
    load_ledger(activity_id=ACTIVITY, orders=made.orders, groups=[made.group])
    return made


def pay(*orders) -> None:
    for order in orders:
        assert mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))


def look(made: GroupOfOrders) -> tuple[str, list[str], list[str], list[str]]:
    """States of the group, its seats, its orders and their holds."""
    made.group.refresh_from_db()
    for row in (*made.orders, *made.seats):
        row.refresh_from_db()
    return (
        made.group.state,
        [seat.state for seat in made.seats],
        [order.state for order in made.orders],
        hold_states(ACTIVITY, made.orders),
    )


def is_closed(made: GroupOfOrders) -> bool:
    return read_group(ACTIVITY, made.group.pk).is_closed


def test_everybody_pays_and_every_order_ships(group):
    pay(*group.orders)
    relay()
    assert look(group) == ("SUCCEEDED", ["CONFIRMED"] * 2, ["TO_SHIP"] * 2, ["S", "S"])
    assert (stock_now(ACTIVITY).lock, stock_now(ACTIVITY).sold) == (0, 2)
    assert is_closed(group)


def test_one_paid_when_time_was_over_and_everybody_gets_back_what_they_gave(group):
    pay(group.orders[0])
    relay()
    assert look(group) == ("FORMING", ["PAID", "HELD"], ["AWAITING_GROUP", "UNPAID"], ["S", "L"])
    fail_group(group_id=group.group.pk, reason=FailReason.TIMEOUT, actor="clock")
    relay()
    assert look(group) == ("SETTLED", ["REFUNDED", "RELEASED"], ["REFUNDED", "CANCELLED"], ["R", "R"])
    assert stock_now(ACTIVITY).remain == 100
    assert is_closed(group)
    assert [order.reason for order in group.orders] == ["group_failed"] * 2


def test_a_payment_that_comes_after_the_failure_goes_back(group):
    fail_group(group_id=group.group.pk, reason=FailReason.TIMEOUT, actor="clock")
    pay(group.orders[1])
    relay()
    assert look(group) == ("SETTLED", ["RELEASED", "REFUNDED"], ["CANCELLED", "REFUNDED"], ["R", "R"])


def test_a_payment_refused_before_the_failure_is_told_goes_back_once(group):
    pay(group.orders[1])
    fail_group(group_id=group.group.pk, reason=FailReason.TIMEOUT, actor="clock")
    for message in waiting_messages():
        if message.topic == OrderTopic.PAID:
            handle_order_paid([message])
            handle_order_paid([message])
    assert waiting_topics()[OrderTopic.REFUNDING] == 1
    relay()
    assert look(group)[0] == "SETTLED"
    assert stock_now(ACTIVITY).remain == 100


def test_a_member_leaves_in_time_and_another_takes_the_place(group):
    pay(group.orders[1])
    relay()
    request_refund(member_id=group.orders[1].member_id, order_id=group.orders[1].pk)
    relay()
    assert look(group) == ("FORMING", ["HELD", "REFUNDED"], ["UNPAID", "REFUNDED"], ["L", "R"])
    assert read_group(ACTIVITY, group.group.pk).held == 1, "the place is free in the ledger"
    assert not is_closed(group)


def test_a_request_that_died_between_the_nodes_is_finished_by_its_message(group, monkeypatch):
    pay(group.orders[1])
    relay()
    monkeypatch.setattr("pgs_web.trade.order.services.refunding.start_refund", _die)
    with pytest.raises(KeyboardInterrupt):
        request_refund(member_id=group.orders[1].member_id, order_id=group.orders[1].pk)
    assert look(group)[2] == ["UNPAID", "AWAITING_GROUP"]
    relay()
    assert look(group) == ("FORMING", ["HELD", "REFUNDED"], ["UNPAID", "REFUNDED"], ["L", "R"])
    assert group.orders[1].reason == "by_member"


def _die(**arguments):
    raise KeyboardInterrupt


def test_after_success_the_money_goes_back_and_the_seat_stays(group):
    pay(*group.orders)
    relay()
    request_refund(member_id=group.orders[0].member_id, order_id=group.orders[0].pk)
    relay()
    assert look(group) == ("SUCCEEDED", ["CONFIRMED"] * 2, ["REFUNDED", "TO_SHIP"], ["R", "S"])
    assert is_closed(group), "nobody joins a complete group through the units that came back"


def test_success_that_is_told_after_a_refund_does_not_ship(group):
    pay(*group.orders)
    handle_order_paid([message for message in waiting_messages() if message.topic == OrderTopic.PAID])
    assert look(group)[2] == ["AWAITING_GROUP"] * 2
    request_refund(member_id=group.orders[0].member_id, order_id=group.orders[0].pk)
    relay()
    assert look(group)[2] == ["REFUNDED", "TO_SHIP"]
    assert mark_shipped(order_ids=group.order_ids)[0].pk == group.orders[1].pk


def test_a_cancelled_order_gives_back_seat_and_units(group):
    cancel_orders(order_ids=[group.orders[1].pk], reason=CancelReason.BY_MEMBER, actor="test")
    relay()
    assert look(group) == ("FORMING", ["HELD", "RELEASED"], ["UNPAID", "CANCELLED"], ["L", "R"])
    assert (stock_now(ACTIVITY).remain, stock_now(ACTIVITY).lock) == (99, 1)


def test_an_order_bought_alone_needs_no_group():
    alone, cancelled = make_order(quantity=2), make_order(member_id=251)
    load_ledger(activity_id=ACTIVITY, orders=[alone, cancelled])
    pay(alone)
    cancel_orders(order_ids=[cancelled.pk], reason=CancelReason.UNPAID, actor="test")
    relay()
    assert hold_states(ACTIVITY, [alone, cancelled]) == ["S", "R"]
    assert (stock_now(ACTIVITY).sold, stock_now(ACTIVITY).remain) == (2, 98)


@pytest.mark.parametrize("handler", [handle_order_paid, handle_order_cancelled, handle_order_refunded])
def test_who_comes_before_its_seat_waits_and_disturbs_nobody(group, handler):
    neighbour = group.orders[1]
    early = make_order(member_id=neighbour.member_id, group_id=group.group.pk)
    load_ledger(activity_id=ACTIVITY, orders=[*group.orders, early], groups=[group.group])
    if handler is handle_order_paid:
        pay(early, neighbour)
    else:
        cancel_orders(order_ids=[early.pk, neighbour.pk], reason=CancelReason.UNPAID, actor="test")
    messages = waiting_messages()
    with pytest.raises(RetryLater) as later:
        handler(messages)
    assert later.value.only == {message.id for message in messages if message.payload["order_id"] == early.pk}
    assert look(group)[1][1] != "HELD", "its neighbour was not held up"
    if handler is not handle_order_paid:
        assert hold_states(ACTIVITY, [early, neighbour]) == ["L", "R"], "units are free only after the seat is"


def test_a_node_that_is_away_delays_only_its_own(group, monkeypatch):
    other = make_group_of_orders(size=2, first_member=251)
    assert alias_of_id(other.group.pk) != alias_of_id(group.group.pk)
    here, elsewhere = group.orders[1], other.orders[0]
    assert alias_of_id(here.pk) == alias_of_id(elsewhere.pk)
    load_ledger(activity_id=ACTIVITY, orders=[*group.orders, *other.orders], groups=[group.group, other.group])
    cancel_orders(order_ids=[here.pk, elsewhere.pk], reason=CancelReason.UNPAID, actor="test")

    def release(*, seats):
        if alias_of_id(seats[0].group_id) == alias_of_id(other.group.pk):
            raise OperationalError(2002, "Can't connect")
        return release_seats(seats=seats)

    messages = waiting_messages()
    monkeypatch.setattr(order_handlers, "release_seats", release)
    with pytest.raises(RetryLater) as later:
        handle_order_cancelled(messages)
    assert later.value.only == {message.id for message in messages if message.payload["order_id"] == elsewhere.pk}
    assert hold_states(ACTIVITY, [here, elsewhere]) == ["R", "L"]


def test_units_wait_for_the_rebuild_of_a_lost_stock(group):
    ledger(partition_of(ACTIVITY)).delete(stock_key(ACTIVITY))
    pay(group.orders[0])
    messages = waiting_messages()
    with pytest.raises(RetryLater, match="NO_STOCK"):
        handle_order_paid(messages)
    assert look(group)[1] == ["PAID", "HELD"], "the group goes on"


def test_every_topic_has_a_route():
    assert {topic for topic in ROUTES if not topic.startswith("play.")} == {
        *OrderTopic,
        *GroupTopic,
        *PaymentTopic,
        *AfterSaleTopic,
    }


def test_a_failed_group_without_members_is_settled(group):
    release_seats(
        seats=[order_handlers.SeatOfOrder(group_id=seat.group_id, order_id=seat.order_id) for seat in group.seats]
    )
    assert waiting_topics() == Counter({GroupTopic.FAILED: 1})
    handle_group_failed(waiting_messages())
    group.group.refresh_from_db()
    assert group.group.state == "SETTLED"


def test_a_failed_group_is_settled_only_when_the_orders_on_their_way_into_it_are_there():
    made = make_group_of_orders(size=3, taken=1)
    early = Order(
        id=new_id(slot=slot_of_key(801)), member_id=801, group_id=made.group.pk, quantity=1, unit_price_fen=990
    )
    early.accepted_at = early.pay_by = made.group.deadline
    load_ledger(activity_id=ACTIVITY, orders=[*made.orders, early], groups=[made.group])
    pay(made.orders[0])
    deliver_all(WITHOUT_PAYMENT)
    assert fail_group(group_id=made.group.pk, reason=FailReason.WITHDRAWN, actor="test")
    deliver_all(WITHOUT_PAYMENT)
    # The one that is there was made whole at once; the other is on its way in the stream.
    made.orders[0].refresh_from_db()
    made.group.refresh_from_db()
    assert (made.orders[0].state, made.group.state) == ("REFUNDED", "FAILED")
    assert waiting_topics() == Counter({GroupTopic.FAILED: 1})
    written = make_order(member_id=801, group_id=made.group.pk, activity_id=ACTIVITY, order_id=early.pk)
    make_seat(made.group, member_id=801, order_id=early.pk)
    deliver_all(WITHOUT_PAYMENT)
    made.group.refresh_from_db()
    written.refresh_from_db()
    assert (written.state, made.group.state) == ("CANCELLED", "SETTLED")


def test_a_big_failure_is_read_in_bounded_parts(monkeypatch):
    made = [make_group_of_orders(size=2) for _ in range(5)]
    load_ledger(
        activity_id=ACTIVITY,
        orders=[order for one in made for order in one.orders],
        groups=[one.group for one in made],
    )
    for one in made:
        fail_group(group_id=one.group.pk, reason=FailReason.WITHDRAWN, actor="test")
    monkeypatch.setattr("pgs_task.handlers.groups.SEATS_A_READ", 4)
    relay()
    assert {look(one)[0] for one in made} == {"SETTLED"}
    assert stock_now(ACTIVITY).remain == 100


def test_late_seats_of_an_ended_group_end_with_their_order(group):
    cancel_orders(order_ids=group.order_ids, reason=CancelReason.UNPAID, actor="test")
    relay()
    late = make_order(member_id=777, group_id=group.group.pk, pay_within=timedelta(seconds=-5))
    seat = Seat.objects.create(
        group_id=group.group.pk,
        order_id=late.pk,
        member_id=777,
        active_member_id=777,
        state="HELD",
        joined_at=late.accepted_at,
    )
    load_ledger(activity_id=ACTIVITY, orders=[late])
    cancel_orders(order_ids=[late.pk], reason=CancelReason.UNPAID, actor="clock")
    relay()
    seat.refresh_from_db()
    assert seat.state == "RELEASED"
    assert look(group)[0] == "SETTLED"
