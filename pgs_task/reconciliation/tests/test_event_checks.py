"""E2 to E5 and P1 can fail, each for its own damage, and say what an engineer has to know."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec import structs

from pgs_data.clock import database_now
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import alias_of_id
from pgs_task.logistics.services import BUS
from pgs_task.reconciliation.tests.damaging import (
    Damage,
    assert_seen,
    delete_beside,
    set_hold,
    write,
    write_order,
    write_seat,
)
from pgs_task.reconciliation.tests.making import offenders_of
from pgs_web.trade.group.tests.in_ledger import change_group, lose_group, read_group
from pgs_web.trade.intake.keys import flow_key, intake_key, set_aside_key
from pgs_web.trade.intake.tests.making import admit, documents_of, make_admission
from pgs_web.trade.stock.holds import HoldState
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]


def test_effects_of_orders(shop):
    shipped, joiner = shop.orders["shipped"], shop.orders["waiting_joiner"]
    waiting = shop.groups["waiting"]
    assert_seen(
        Damage(
            "its units were never confirmed",
            lambda: set_hold(shop, "shipped", state=HoldState.LOCKED),
            "E2",
            (shipped, "is SHIPPED, its hold is LOCKED, not SOLD"),
        ),
        Damage(
            "its units were given back although it is unpaid",
            lambda: set_hold(shop, "unpaid", state=HoldState.GIVEN_BACK),
            "E2",
            (shop.orders["unpaid"], "is UNPAID", "not LOCKED"),
        ),
        Damage(
            "its seat was not counted",
            lambda: write_seat(shop, "waiting", "waiting_leader", "state = 'HELD'"),
            "E2 G2",
            (shop.orders["waiting_leader"], "is AWAITING_GROUP", "is HELD", alias_of_id(waiting)),
        ),
        Damage(
            "it has no seat",
            lambda: write(
                alias_of_id(waiting), "DELETE FROM trade_seat WHERE group_id = %s AND order_id = %s", waiting, joiner
            ),
            "E2",
            (joiner, f"no seat in its group {waiting}", alias_of_id(joiner)),
        ),
        Damage(
            "shipped without a shipment",
            lambda: delete_beside(shop, "trade_shipment", "shipped"),
            "E2",
            (shipped, alias_of_id(shipped), "no shipment"),
        ),
        Damage(
            "nobody ships it",
            lambda: write_order(shop, "shipped", "state = 'TO_SHIP'"),
            "E2 O5",
            (shipped, "still TO_SHIP", "consume_logistics"),
        ),
        Damage(
            "a state that nobody knows",
            lambda: write_order(shop, "unpaid", "state = 'LOST'"),
            "E2 O4 O5 S2",
            (shop.orders["unpaid"], "is LOST"),
        ),
    )


def test_groups_in_redis(shop):
    sale, waiting, failed = shop.activity.pk, shop.groups["waiting"], shop.groups["failed"]
    seats = read_group(sale, waiting).seats
    fewer = {member: order for member, order in seats.items() if member != 11}

    def change(**changes: Any) -> Callable[[], None]:
        return lambda: change_group(sale, waiting, **changes)

    assert_seen(
        Damage("it is gone", lambda: lose_group(sale, waiting), "E2", (waiting, "unknown to Redis", "rebuild_stock")),
        Damage("a seat is free that is taken", change(seats=fewer), "E2", (waiting, "counts 2 seats")),
        Damage("a seat is taken that is free", change(seats={**seats, 77: 5}), "E2", (waiting, "[5, ")),
        Damage("miscounted", change(held=1), "E2", (waiting, "counts 1 seats")),
        Damage("closed too early", change(is_closed=True), "E2", (waiting, "closed in Redis")),
        Damage(
            "open although it failed",
            lambda: change_group(sale, failed, is_closed=False),
            "E2",
            (failed, "SETTLED and open in Redis"),
        ),
        Damage("a decided group expires", lambda: lose_group(sale, failed), ""),
    )


def test_messages_and_streams(shop):
    partition = partition_of(shop.activity.pk)
    client = ledger(partition)
    now = database_now("node1").replace(tzinfo=None)

    def add_message(age: timedelta) -> None:
        columns = "shard_key, topic, payload, created_at, available_at, attempts, last_error"
        values = (shop.orders["shipped"], "order.paid", "{}", now - age, now - age, 0, "")
        write("node1", f"INSERT INTO outbox_message ({columns}) VALUES (%s, %s, %s, %s, %s, %s, %s)", *values)

    def lose_entries() -> None:
        client.xtrim(intake_key(partition), maxlen=0)
        client.hincrby(flow_key(partition), "persisted", -1)

    assert_seen(
        Damage("a message waits", lambda: add_message(timedelta()), "E3", ("node1", "order.paid", "not tried yet")),
        Damage("it waits for long", lambda: add_message(timedelta(minutes=3)), "E3", ("node1", "more than a minute")),
        Damage("trimmed too early", lose_entries, "E4 E5", (f"partition {partition} lost at least 1",)),
        Damage(
            "one was never written down",
            lambda: client.hincrby(flow_key(partition), "persisted", -1),
            "E5",
            (f"partition {partition}:", "13 accepted", "11 persisted", "1 rejected"),
        ),
        Damage(
            "one was written down twice",
            lambda: client.hincrby(flow_key(partition), "persisted", 1),
            "E5",
            (f"partition {partition}:", "13 persisted"),
        ),
    )


def test_phones_in_streams(shop):
    intake, aside = intake_key(3), set_aside_key(3)
    assert_seen(
        Damage("orders", lambda: ledger(3).xadd(intake, {"d": b"\xab13800138000\xa1"}), "P1", (intake, "in d")),
        Damage("set aside", lambda: ledger(3).xadd(aside, {"d": b"call 13800138000"}), "P1", (aside,)),
        Damage("shipments", lambda: ledger().xadd(BUS, {"order_id": "1", "to": "13800138000"}), "P1", (BUS, "in to")),
        Damage("longer numbers are ids", lambda: ledger(3).xadd(intake, {"d": b"138001380001380013"}), ""),
        Damage("and so are words", lambda: ledger(3).xadd(intake, {"d": b"f13800138000a"}), ""),
    )
    client = ledger(3)
    client.xadd(intake, {"d": b"13800138000"})
    # The check must not say the number itself: what it says goes into logs and pages.
    assert "13800138000" not in str(offenders_of("P1"))


def test_a_phone_as_idempotency_key_is_its_shoppers_business():
    activity = make_sale()
    admit(make_admission(activity, key="13800138000"))
    assert offenders_of("P1") == []
    [document] = documents_of(activity)
    leaking = structs.replace(document, trace_id="13800138000")
    ledger(3).xadd(intake_key(3), {"d": msgspec.msgpack.encode(leaking)})
    assert len(offenders_of("P1")) == 1
