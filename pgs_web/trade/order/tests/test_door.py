"""The door of an order's state: what it allows, what it writes, and who of two at once goes through."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from pgs_data.clock import database_now
from pgs_data.messaging.models import OutboxMessage
from pgs_data.sharding.querysets import ShardedQuerySet
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_web.trade.order.errors import OrderMovedMeanwhile
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.services import mark_paid, move_order, move_orders
from pgs_web.trade.order.states import MOVES, CancelReason, OrderState
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES, make_order
from pgs_web.trade.stock.models import Movement, StockEntry

EVERYWHERE = pytest.mark.django_db(databases="__all__")
WITH_THREADS = pytest.mark.django_db(databases="__all__", transaction=True)


def cancel(order_ids: list[int], actor: str = "test") -> list[Order]:
    return move_orders(
        order_ids=order_ids,
        from_states={OrderState.UNPAID},
        to_state=OrderState.CANCELLED,
        reason=CancelReason.UNPAID,
        actor=actor,
    )


@EVERYWHERE
def test_a_move_writes_state_log_outbox_and_stock_ledger():
    order = make_order(quantity=3)
    moved = move_order(
        order_id=order.pk,
        from_states={OrderState.UNPAID},
        to_state=OrderState.CANCELLED,
        reason=CancelReason.BY_MEMBER,
        actor="member:10",
    )
    assert moved is not None
    order.refresh_from_db()
    assert (order.state, order.reason, order.log_count) == ("CANCELLED", "by_member", 3)
    assert (moved.state, moved.reason, moved.log_count) == ("CANCELLED", "by_member", 3)
    log = OrderLog.objects.filter(order_id=order.pk).latest("sequence")
    assert (log.sequence, log.from_state, log.to_state, log.reason, log.actor) == (
        3,
        "UNPAID",
        "CANCELLED",
        "by_member",
        "member:10",
    )
    message = OutboxMessage.objects.on_node(alias_of_id(order.pk)).get()
    assert message.topic == "order.cancelled"
    assert message.shard_key == message.payload["order_id"] == order.pk
    assert message.payload["quantity"] == 3
    entries = StockEntry.objects.filter(order_id=order.pk).values_list("movement", "quantity")
    assert sorted(entries) == [(Movement.RELEASE, 3), (Movement.RESERVE, 3)]


@EVERYWHERE
def test_a_move_out_of_another_state_changes_nothing():
    order = make_order()
    assert cancel([order.pk])
    for _ in range(2):
        assert cancel([order.pk]) == []
    assert not mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))
    assert OrderLog.objects.filter(order_id=order.pk).count() == 3
    assert OutboxMessage.objects.on_node(alias_of_id(order.pk)).count() == 1


@EVERYWHERE
def test_an_unknown_order_does_not_move():
    known = make_order()
    assert cancel([known.pk + 1]) == []


@pytest.mark.parametrize(
    ("old", "new"), [(old, new) for old in OrderState for new in OrderState if new not in MOVES[old]]
)
def test_a_move_that_the_table_does_not_know_is_refused_before_any_query(old, new):
    with pytest.raises(ValueError, match="No order goes from"):
        move_orders(order_ids=[1], from_states={old}, to_state=new, actor="test")


@EVERYWHERE
def test_an_order_bought_alone_is_paid_and_ready_to_ship_in_one_move():
    order = make_order()
    paid_at = database_now(alias_of_id(order.pk))
    assert mark_paid(order_id=order.pk, paid_at=paid_at)
    assert not mark_paid(order_id=order.pk, paid_at=paid_at)
    order.refresh_from_db()
    assert (order.state, order.paid_at) == ("TO_SHIP", paid_at)
    topics = OutboxMessage.objects.on_node(alias_of_id(order.pk)).order_by("id").values_list("topic", flat=True)
    assert list(topics) == ["order.paid", "order.to_ship"]
    assert StockEntry.objects.filter(order_id=order.pk, movement=Movement.CONFIRM).exists()


@EVERYWHERE
def test_orders_of_all_nodes_move_with_a_constant_number_of_queries_a_node():
    few = [make_order(member_id=member).pk for member in MEMBERS_ON_THREE_NODES]
    many = [make_order(member_id=member).pk for member in MEMBERS_ON_THREE_NODES for _ in range(20)]
    assert {alias_of_id(order_id) for order_id in few} == set(node_aliases())

    def queries(order_ids: list[int]) -> int:
        captured = [CaptureQueriesContext(connections[alias]) for alias in node_aliases()]
        for context in captured:
            context.__enter__()
        assert len(cancel(order_ids)) == len(order_ids)
        for context in captured:
            context.__exit__(None, None, None)
        return sum(len(context) for context in captured)

    assert queries(few) == queries(many)


@EVERYWHERE
def test_a_reason_stays_until_another_is_given():
    order = make_order()
    Order.objects.filter(pk=order.pk).update(state=OrderState.TO_SHIP)
    move_order(
        order_id=order.pk,
        from_states={OrderState.TO_SHIP},
        to_state=OrderState.REFUNDING,
        reason="by_member",
        actor="test",
    )
    order.refresh_from_db()
    assert order.refund_by is not None
    move_order(order_id=order.pk, from_states={OrderState.REFUNDING}, to_state=OrderState.REFUNDED, actor="test")
    order.refresh_from_db()
    assert (order.state, order.reason, order.refund_by) == ("REFUNDED", "by_member", None)
    assert OrderLog.objects.filter(order_id=order.pk).latest("sequence").reason == "by_member"


def race(order_ids: list[int], *, threads: int) -> list[list[int]]:
    """Each thread cancels all of the orders at once; which of them each moved."""
    start = threading.Barrier(threads)

    def run(number: int) -> list[int]:
        try:
            start.wait()
            return [order.pk for order in cancel(order_ids, actor=f"racer {number}")]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


@pytest.mark.slow
@WITH_THREADS
def test_of_many_at_once_each_order_moves_exactly_once():
    for _ in range(10):
        order_ids = [make_order(member_id=member).pk for member in MEMBERS_ON_THREE_NODES for _ in range(4)]
        moved = race(order_ids, threads=4)
        assert sorted(order_id for part in moved for order_id in part) == sorted(order_ids)
        for order_id in order_ids:
            logs = OrderLog.objects.filter(order_id=order_id, to_state=OrderState.CANCELLED)
            mover = int(logs.get().actor.removeprefix("racer "))
            assert order_id in moved[mover], "the one who is told that it moved the order is the one in the log"


@WITH_THREADS
def test_without_the_lock_the_conditional_update_notices_and_rolls_back(monkeypatch):
    """Takes the lock away and lets somebody else cancel between the read and the UPDATE."""
    order = make_order()
    cancelled_meanwhile = threading.Event()
    original = ShardedQuerySet.update

    def update(queryset: ShardedQuerySet[Order], **values: object) -> int:
        if queryset.model is Order and not cancelled_meanwhile.is_set():
            cancelled_meanwhile.set()
            original(Order.objects.filter(pk=order.pk), state=OrderState.CANCELLED)
        return original(queryset, **values)

    monkeypatch.setattr(ShardedQuerySet, "update", update)
    monkeypatch.setattr(ShardedQuerySet, "select_for_update", lambda queryset: queryset)
    with pytest.raises(OrderMovedMeanwhile):
        mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))
    order.refresh_from_db()
    assert (order.state, order.log_count) == ("UNPAID", 2), "the whole transaction was rolled back"
    assert not OutboxMessage.objects.on_node(alias_of_id(order.pk)).exists()


@WITH_THREADS
def test_the_race_is_lost_by_reading_first():
    """The negative control: read, decide, write. Both believe that they were first."""
    everybody_has_read = threading.Barrier(2)

    def read_then_write(order_id: int) -> bool:
        try:
            order = Order.objects.get(pk=order_id)
            everybody_has_read.wait()
            if order.state != OrderState.UNPAID:
                return False
            Order.objects.filter(pk=order_id).update(state=OrderState.CANCELLED)
            return True
        finally:
            connections.close_all()

    order = make_order()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(read_then_write, [order.pk] * 2)) == [True, True], "both believe that they moved it"
