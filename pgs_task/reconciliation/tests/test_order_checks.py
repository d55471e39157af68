"""O1 to O7 can fail, each for its own damage, and say what an engineer has to know."""

from datetime import timedelta

import pytest

from pgs_data.clock import database_now
from pgs_data.ids.texts import short_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_task.reconciliation.tests.damaging import (
    Damage,
    assert_seen,
    copy_row,
    delete_beside,
    set_hold,
    taken_back,
    write,
    write_order,
)
from pgs_task.reconciliation.tests.making import broken
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.services import update_rules
from pgs_web.trade.stock.keys import bought_key, holds_key

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]


def test_orders_that_got_lost_or_doubled(shop):
    unpaid, cancelled = shop.orders["unpaid"], shop.orders["cancelled"]
    home = alias_of_id(cancelled)
    stranger = next(alias for alias in node_aliases() if alias != home)
    client = ledger(partition_of(shop.activity.pk))
    assert_seen(
        Damage(
            "an accepted order is nowhere",
            lambda: write(alias_of_id(unpaid), "DELETE FROM trade_order WHERE id = %s", unpaid),
            "O1 S2 S6 O4",
            (unpaid, "LOCKED", "no node has it"),
        ),
        Damage(
            "rejected and nobody can see why",
            lambda: set_hold(shop, "rejected", reason=""),
            "O1",
            (shop.orders["rejected"], "REJECTED"),
        ),
        Damage(
            "its hold is gone",
            lambda: client.hdel(holds_key(shop.activity.pk), short_id(cancelled)),
            "O1",
            (cancelled, home, "no hold in Redis", f"rebuild_stock {shop.activity.pk}"),
        ),
        Damage(
            "beyond the index that finds a key used twice",
            lambda: write_order(shop, "cancelled", "member_id = %s", 281 if home != "node1" else 31),
            "O2",
            (cancelled, home, "same key"),
        ),
        Damage(
            "twice, once on a wrong node",
            lambda: copy_row("trade_order", cancelled, source=home, target=stranger),
            "O3 O5 S6",
            (cancelled, f"is on {stranger}", f"its id says {home}"),
        ),
    )


def test_units_of_a_member(shop):
    sale = shop.activity.pk
    client = ledger(partition_of(sale))

    def lower_limit() -> None:
        write("default", f"UPDATE {Activity._meta.db_table} SET member_limit = 1 WHERE id = %s", sale)

    assert_seen(
        Damage("Redis counts more", lambda: client.hincrby(bought_key(sale), "1", 1), "O4", (sale, "member 1:", 3, 2)),
        Damage(
            "Redis counts nothing", lambda: client.hdel(bought_key(sale), "1"), "O4", (sale, "member 1:", "no units")
        ),
        Damage(
            "Redis knows a buyer", lambda: client.hset(bought_key(sale), "77", 1), "O4", ("member 77:", "orders say 0")
        ),
        Damage("above the limit", lower_limit, "O4", ("member 1 has 2 units", "limit is 1")),
    )


def test_a_limit_that_was_lowered_accuses_nobody(shop):
    with taken_back():
        update_rules(activity_id=shop.activity.pk, changes={"member_limit": 1}, actor="operator")
        assert broken() == {}
        ledger(partition_of(shop.activity.pk)).hset(bought_key(shop.activity.pk), "1", 4)
        write_order(shop, "full_leader", "quantity = 4, unit_price_fen = unit_price_fen / 2")
        assert "its limit is 3" in str(broken()["O4"])


def test_logs_of_orders(shop):
    shipped = shop.orders["shipped"]
    home = alias_of_id(shipped)

    def change(sequence: int, changes: str) -> None:
        write(home, f"UPDATE trade_order_log SET {changes} WHERE order_id = %s AND sequence = %s", shipped, sequence)

    assert_seen(
        Damage(
            "a row is missing",
            lambda: delete_beside(shop, "trade_order_log", "shipped", "AND sequence = 2"),
            "O5",
            (shipped, "row 3 where row 2"),
        ),
        Damage(
            "the last row is missing",
            lambda: delete_beside(shop, "trade_order_log", "shipped", "AND sequence = 4"),
            "O5",
            (shipped, home, "is SHIPPED after 4 moves"),
        ),
        Damage(
            "a leap", lambda: change(3, "to_state = 'COMPLETED'"), "O5", (shipped, "UNPAID to COMPLETED, which is not")
        ),
        Damage(
            "from elsewhere", lambda: change(3, "from_state = 'CANCELLED'"), "O5", ("leaves CANCELLED", "was UNPAID")
        ),
        Damage("from nowhere", lambda: change(2, "from_state = 'LOST', to_state = 'LOST'"), "O5", (shipped, "LOST")),
        Damage("no log at all", lambda: delete_beside(shop, "trade_order_log", "shipped"), "O5", (shipped,)),
        Damage(
            "moved past the door",
            lambda: write_order(shop, "shipped", "state = 'COMPLETED'"),
            "O5",
            (shipped, "is COMPLETED after 4 moves"),
        ),
    )


def test_amounts_and_deadlines(shop):
    hour_ago = database_now("node0") - timedelta(hours=1)
    refunding = "state = 'REFUNDING', refund_by = %s"
    # What else doesn't fit an order that somebody moved by hand.
    moved = "O5 S2 O4 E2"
    assert_seen(
        Damage(
            "a fen too much",
            lambda: write_order(shop, "cancelled", "amount_fen = amount_fen + 1"),
            "O6",
            (shop.orders["cancelled"], "1501 fen for 1 × 1500 − 0 fen"),
        ),
        Damage(
            "a discount that nobody took off",
            lambda: write_order(shop, "cancelled", "discount_fen = 10"),
            "O6 C2",
            (shop.orders["cancelled"], "− 10 fen"),
        ),
        Damage(
            "nobody cancels it",
            lambda: write_order(shop, "unpaid", "pay_by = %s", hour_ago.replace(tzinfo=None)),
            "O7",
            (shop.orders["unpaid"], "still UNPAID", f"{hour_ago:%F}"),
        ),
        Damage(
            "the money is late",
            lambda: write_order(shop, "refunded", refunding, hour_ago.replace(tzinfo=None)),
            f"O7 {moved}",
            (shop.orders["refunded"], "still REFUNDING", f"{hour_ago:%F}"),
        ),
        Damage(
            "the money was promised for never",
            lambda: write_order(shop, "refunded", refunding, None),
            f"O7 {moved}",
            (shop.orders["refunded"], "nobody knows when"),
        ),
        Damage(
            "it never opened for payment",
            lambda: write_order(shop, "unpaid", "state = 'ACCEPTED'"),
            "O7 O5",
            (shop.orders["unpaid"], "still ACCEPTED"),
        ),
    )
