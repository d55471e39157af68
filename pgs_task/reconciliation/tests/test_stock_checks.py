"""S1 to S7 and S9 can fail, each for its own damage, and say what an engineer has to know."""

import json
import time

import pytest

from pgs_data.ids.snowflake import new_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import alias_of_id, slot_of_id
from pgs_task.reconciliation.tests.damaging import (
    Damage,
    assert_seen,
    copy_row,
    delete_beside,
    drop_stock,
    set_stock,
    write,
    write_beside,
)
from pgs_task.reconciliation.tests.making import UNITS, offenders_of
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.intake.keys import READERS_KEY
from pgs_web.trade.stock.keys import news_key, stock_key
from pgs_web.trade.stock.selectors import Stock, read_stock

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]
COPIES = ActivityStock._meta.db_table


def stock_of(activity_id: int) -> Stock:
    stock = read_stock(activity_id)
    assert stock is not None
    return stock


def test_figures_that_do_not_add_up(shop):
    sale = shop.activity.pk
    stock = stock_of(sale)
    client = ledger(partition_of(sale))
    assert_seen(
        Damage(
            "a unit out of nowhere",
            lambda: set_stock(sale, remain=stock.remain + 1),
            "S1 S5",
            (sale, f"is {UNITS + 1}", f"total {UNITS}"),
        ),
        Damage(
            "a negative figure",
            lambda: set_stock(sale, lock=-1, remain=stock.remain + stock.lock + 1),
            "S1 S2 S5",
            (sale, "negative", "lock -1"),
        ),
        Damage(
            "a field is gone",
            lambda: client.hdel(stock_key(sale), "sold"),
            "S1 S2 S5",
            (sale, "damaged", "sold ?", "rebuild_stock"),
        ),
        # The others can't count with it, and are not ok either.
        Damage("no number", lambda: set_stock(sale, remain="many"), "S1 S2 S3 S4 S5", (sale, "remain many")),
    )


def test_stock_beside_the_orders(shop):
    sale = shop.activity.pk
    stock = stock_of(sale)
    like = shop.order("unpaid")

    def order_too_much() -> None:
        copy_row(
            "trade_order",
            like.pk,
            source=alias_of_id(like.pk),
            target=alias_of_id(like.pk),
            id=new_id(slot=slot_of_id(like.pk)),
            idempotency_key="another",
            quantity=UNITS,
            amount_fen=UNITS * like.unit_price_fen,
        )

    assert_seen(
        Damage(
            "a sold unit that nobody paid for",
            lambda: set_stock(sale, lock=stock.lock - 1, sold=stock.sold + 1),
            "S2 S5",
            (sale, f"{stock.lock - 1} locked, {stock.sold + 1} sold", f"{stock.lock} locked, {stock.sold} sold"),
        ),
        Damage(
            "more orders than units",
            order_too_much,
            "S3 S2 S6 O1 O4 O5",
            (sale, "oversold", f"total is {UNITS}", f"{UNITS + stock.lock + stock.sold} units"),
        ),
        Damage("no stock in the middle of a sale", lambda: drop_stock(sale), "S2 S5 S7", (sale, "rebuild_stock")),
    )


def test_told_sold_out_while_units_remain(shop):
    quiet = Activity.objects.filter(state=ActivityState.RUNNING).exclude(pk=shop.activity.pk).get()
    assert_seen(
        Damage("a lie", lambda: set_stock(quiet.pk, told_sold_out=2), "S4", (quiet.pk, "wanted 2", "5 remain")),
        Damage("more was wanted than there is", lambda: set_stock(quiet.pk, told_sold_out=6), ""),
        Damage("units are still locked", lambda: set_stock(shop.activity.pk, told_sold_out=1), ""),
    )


def test_the_databases_copy(shop):
    sale = shop.activity.pk
    version = stock_of(sale).version

    def change_copy(change: str) -> None:
        write("default", f"UPDATE {COPIES} SET {change} WHERE activity_id = %s", sale)

    assert_seen(
        Damage("another figure", lambda: change_copy("sold = sold + 1"), "S5", (sale, "'sold'")),
        Damage("an older copy", lambda: change_copy("version = version - 1"), "S5", (sale, version, version - 1)),
        Damage("Redis went back", lambda: change_copy("version = version + 1"), "S5", (sale, "went back", version + 1)),
        Damage("no row", lambda: write("default", f"DELETE FROM {COPIES} WHERE activity_id = %s", sale), "S5", (sale,)),
    )


def test_a_paused_activity_whose_stock_is_gone_is_not_forgotten(shop):
    idle = Activity.objects.filter(state=ActivityState.SCHEDULED).get()

    def lose_paused() -> None:
        write("default", f"UPDATE {Activity._meta.db_table} SET state = 'PAUSED' WHERE id = %s", idle.pk)
        drop_stock(idle.pk)

    assert_seen(Damage("paused by the watch", lose_paused, "S5", (idle.pk, "no stock")))


def test_the_ledger_of_movements(shop):
    order_id = shop.orders["shipped"]
    alias = alias_of_id(order_id)
    columns = "order_id, activity_id, movement, quantity, at"

    def release_too() -> None:
        write(
            alias,
            f"INSERT INTO trade_stock_entry ({columns}) SELECT order_id, activity_id, 'RELEASE', quantity, at"
            " FROM trade_stock_entry WHERE order_id = %s AND movement = 'CONFIRM'",
            order_id,
        )

    def confirm_more() -> None:
        write(
            alias,
            "UPDATE trade_stock_entry SET quantity = 7 WHERE order_id = %s AND movement = 'CONFIRM'",
            order_id,
        )

    assert_seen(
        Damage(
            "nothing reserved",
            lambda: delete_beside(shop, "trade_stock_entry", "shipped", "AND movement = 'RESERVE'"),
            "S6",
            (order_id, alias, "1 CONFIRM", shop.activity.pk),
        ),
        Damage("confirmed and released", release_too, "S6", (order_id, "1 RESERVE, 1 CONFIRM, 1 RELEASE")),
        Damage("confirmed more than reserved", confirm_more, "S6", (order_id, "CONFIRM is of 7 units")),
        Damage(
            "no entry at all",
            lambda: delete_beside(shop, "trade_stock_entry", "shipped"),
            "S6",
            (order_id, "no entry in the stock ledger"),
        ),
        Damage(
            "of another size than the order",
            lambda: write_beside(shop, "trade_stock_entry", "unpaid", "quantity = 3"),
            "S6",
            (shop.activity.pk, "the ledger reserved"),
        ),
    )


def test_a_stock_key_that_goes_away(shop):
    idle = Activity.objects.filter(state=ActivityState.SCHEDULED).get()
    client = ledger(partition_of(idle.pk))
    assert_seen(
        Damage("it expires", lambda: client.expire(stock_key(idle.pk), 500), "S7", (idle.pk, "lost in", "PERSIST")),
        Damage("it is gone", lambda: drop_stock(idle.pk), "S7 S5", (idle.pk, "on sale", f"rebuild_stock {idle.pk}")),
    )


def test_a_process_that_is_deaf_to_the_news(shop):
    now, partition = time.time(), 3
    client = ledger(partition)
    heard, missed, too_new = (f"{int((now - seconds) * 1000)}-0" for seconds in (60, 30, 1))
    client.delete(news_key(partition))
    for entry_id in (heard, missed, too_new):
        client.xadd(news_key(partition), {"a": shop.activity.pk}, id=entry_id)
    said = {
        "well:1": (now, missed),
        "unsure:2": (now, ""),
        "ended:3": (now - 40, heard),
        "deaf:4": (now, heard),
    }
    for name, (at, last) in said.items():
        ledger().hset(READERS_KEY, name, json.dumps({"at": at, "read": {str(partition): last}, "spread": {}}))
    (offender,) = offenders_of("S9")
    assert offender.startswith("receiving process deaf:4 answers from memory")
    assert f"partition {partition} after 30 s" in offender
