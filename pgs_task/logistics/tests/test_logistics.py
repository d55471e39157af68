"""The bus tells logistics what to ship; an order ships once, and never before it may."""

import io
import json
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from pgs_data.clock import database_now
from pgs_data.messaging.errors import RetryLater
from pgs_data.messaging.models import OutboxMessage
from pgs_data.messaging.streams import Entry
from pgs_data.redis.connections import ledger
from pgs_data.sharding.slots import alias_of_id
from pgs_task.handlers.tests.making import waiting_messages
from pgs_task.logistics import services
from pgs_task.logistics.services import ASIDE, BUS, announce_orders_to_ship, make_consumer, ship_orders, trim_bus
from pgs_web.trade.delivery.models import Shipment
from pgs_web.trade.delivery.services import sandbox_tracking_no
from pgs_web.trade.order.messages import OrderTopic
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import mark_paid, mark_shipped, request_refund
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES, make_group_of_orders, make_order

# The consumer drops old connections, and with them the transaction that another kind of test runs in.
pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def make_ready(**options) -> Order:
    order = make_order(**options)
    assert mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))
    return order


def announce() -> None:
    announce_orders_to_ship([message for message in waiting_messages() if message.topic == OrderTopic.TO_SHIP])


def consume() -> int:
    out = io.StringIO()
    call_command("consume_logistics", once=True, json=True, stdout=out)
    return json.loads(out.getvalue())["read"]


def states(*orders: Order) -> list[str]:
    for order in orders:
        order.refresh_from_db()
    return [order.state for order in orders]


def entry(order_id: object, *, number: int = 0) -> Entry:
    return Entry(id=f"{number}-1", fields={"order_id": str(order_id).encode()})


def test_announced_orders_of_all_nodes_ship_with_their_shipment():
    orders = [make_ready(member_id=member) for member in MEMBERS_ON_THREE_NODES]
    announce()
    assert consume() == 3
    assert states(*orders) == ["SHIPPED"] * 3
    for order in orders:
        shipment = Shipment.objects.get(order_id=order.pk)
        assert (shipment.carrier, shipment.tracking_no) == ("sandbox", sandbox_tracking_no(order.pk))
        topics = OutboxMessage.objects.on_node(alias_of_id(order.pk)).values_list("topic", flat=True)
        assert "order.shipped" in topics


def test_an_order_that_is_announced_twice_ships_once():
    order = make_ready()
    announce()
    announce()
    assert consume() == 2
    assert states(order) == ["SHIPPED"]
    order.refresh_from_db()
    assert order.log_count == 4
    assert consume() == 0, "nothing is left on the bus to be read"


def test_the_bus_carries_no_personal_data():
    make_ready()
    announce()
    ((_, fields),) = ledger().xrange(BUS)
    assert set(fields) == {b"order_id", b"activity_id", b"merchant_id", b"sku_id", b"quantity"}


@pytest.mark.parametrize("state", ["UNPAID", "AWAITING_GROUP", "REFUNDING", "CANCELLED"])
def test_what_is_not_released_is_not_shipped(state):
    """Whoever writes on the bus: the order's state decides."""
    made = make_group_of_orders(size=2)
    order = made.orders[0]
    Order.objects.filter(pk=order.pk).update(state=state)
    ship_orders([entry(order.pk)])
    assert states(order) == [state]
    assert not Shipment.objects.filter(order_id=order.pk).exists()


def test_a_refund_and_the_parcel_never_both():
    order = make_ready()
    announce()
    request_refund(member_id=order.member_id, order_id=order.pk)
    consume()
    assert states(order) == ["REFUNDING"]
    assert not Shipment.objects.filter(order_id=order.pk).exists()


def test_shipment_and_state_are_written_both_or_neither():
    order = make_ready()
    dies = patch("pgs_web.trade.order.services.shipping.record_shipments", side_effect=KeyboardInterrupt)
    with dies, pytest.raises(KeyboardInterrupt):
        mark_shipped(order_ids=[order.pk])
    assert states(order) == ["TO_SHIP"]
    mark_shipped(order_ids=[order.pk])
    assert states(order) == ["SHIPPED"]


def test_an_entry_that_can_not_be_read_is_set_aside_and_its_neighbours_ship():
    before, after = make_ready(), make_ready(member_id=251)
    ledger().xadd(BUS, {"order_id": str(before.pk)})
    ledger().xadd(BUS, {"order_id": "{p00}:stock"})
    ledger().xadd(BUS, {"nonsense": "\x00"})
    ledger().xadd(BUS, {"order_id": str(after.pk)})
    assert consume() == 4
    assert states(before, after) == ["SHIPPED", "SHIPPED"]
    reasons = [fields[b"reason"] for _, fields in ledger().xrange(ASIDE)]
    assert len(reasons) == 2
    assert reasons[0].startswith(b"InvalidId")


def test_a_node_that_is_away_keeps_its_own_orders_waiting():
    here, away = make_ready(member_id=1), make_ready(member_id=251)

    def ship(*, order_ids):
        if alias_of_id(next(iter(order_ids))) == alias_of_id(away.pk):
            raise OperationalError(2002, "Can't connect")
        return mark_shipped(order_ids=order_ids)

    entries = [
        Entry(id=f"{number}-1", fields={"order_id": str(order.pk).encode()})
        for number, order in enumerate((here, away))
    ]
    with patch.object(services, "mark_shipped", ship), pytest.raises(RetryLater) as later:
        ship_orders(entries)
    assert later.value.only == {"1-1"}
    assert states(here, away) == ["SHIPPED", "TO_SHIP"]


def test_what_has_shipped_leaves_the_bus():
    assert trim_bus() == 0
    make_ready()
    announce()
    assert trim_bus() == 0, "nobody has read it yet"
    consume()
    make_ready(member_id=251)
    announced = ledger().xlen(BUS)
    ledger().xadd(BUS, {"order_id": "1"})
    assert trim_bus() == announced
    assert ledger().xlen(BUS) == 1, "what was not read stays"


def test_redis_being_away_is_a_message_not_a_traceback(redis_server):
    redis_server.kill()
    try:
        with pytest.raises(CommandError, match="Redis is away"):
            consume()
    finally:
        redis_server.restart()


def test_a_consumer_that_died_leaves_its_entries_to_the_next(monkeypatch):
    order = make_ready()
    announce()
    dead = make_consumer(block_ms=10)
    with patch.object(dead, "handler", side_effect=KeyboardInterrupt):
        dead.run_once()
        with pytest.raises(KeyboardInterrupt):
            dead.run_once()
    assert states(order) == ["TO_SHIP"]
    monkeypatch.setattr(services, "CLAIM_IDLE_MS", 1)
    alive = make_consumer(block_ms=10)
    for _ in range(3):
        alive.run_once()
    assert states(order) == ["SHIPPED"]
