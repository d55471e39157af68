"""Damages one thing behind the shop's back, sees which checks say what, and takes the damage back."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.db import connections, transaction

from pgs_data.ids.texts import short_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_task.reconciliation.tests.making import Shop, broken
from pgs_web.trade.stock.holds import Hold
from pgs_web.trade.stock.keys import holds_key, stock_key


@dataclass(frozen=True)
class Damage:
    """`ids` are the checks that must fail, and no others; `words` must all stand in what the first of them says."""

    name: str
    act: Callable[[], object]
    ids: str
    words: tuple[object, ...] = ()


def assert_seen(*damages: Damage) -> None:
    """Does each damage by itself to a shop that is whole before and after."""
    assert broken() == {}
    for damage in damages:
        with taken_back():
            damage.act()
            found = broken()
        assert set(found) == set(damage.ids.split()), f"{damage.name}: {found}"
        said = " | ".join(found[damage.ids.split()[0]]) if found else ""
        missing = [word for word in damage.words if str(word) not in said]
        assert not missing, f"{damage.name}: {missing} not in {said!r}"
    assert broken() == {}


@contextlib.contextmanager
def taken_back() -> Iterator[None]:
    """Rolls every database back and puts every key of Redis back as it was."""
    # Patient: the shop's own clients give up within a second, which a busy machine may need for a hundred keys.
    with redis.Redis.from_url(settings.REDIS_URLS["ledger"], socket_timeout=30) as client:
        before = dump_keys(client)
        with contextlib.ExitStack() as stack:
            for alias in ("default", *node_aliases()):
                stack.enter_context(transaction.atomic(using=alias))
            try:
                yield
            finally:
                for alias in ("default", *node_aliases()):
                    transaction.set_rollback(True, using=alias)
                load_keys(client, before)


def dump_keys(client: redis.Redis) -> dict[bytes, tuple[bytes, int]]:
    """Key → its value and when it expires, of a whole Redis."""
    keys = list(client.scan_iter(count=1000))
    pipeline = client.pipeline()
    for key in keys:
        pipeline.dump(key)
        pipeline.pexpiretime(key)
    answers = pipeline.execute()
    return {key: (answers[2 * place], answers[2 * place + 1]) for place, key in enumerate(keys)}


def load_keys(client: redis.Redis, wanted: dict[bytes, tuple[bytes, int]]) -> None:
    """Makes a whole Redis what `dump_keys` saw; writes what is different."""
    found = dump_keys(client)
    pipeline = client.pipeline()
    for key in found.keys() - wanted.keys():
        pipeline.delete(key)
    for key, (value, expires_ms) in wanted.items():
        if found.get(key) != (value, expires_ms):
            pipeline.restore(key, max(expires_ms, 0), value, replace=True, absttl=expires_ms > 0)
    pipeline.execute()


def write(alias: str, statement: str, *values: object) -> None:
    """A raw statement that has to change one row at least."""
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount > 0, statement


def write_order(shop: Shop, name: str, changes: str, *values: object) -> None:
    """Raw UPDATE of an order's row."""
    order_id = shop.orders[name]
    write(alias_of_id(order_id), f"UPDATE trade_order SET {changes} WHERE id = %s", *values, order_id)


def write_group(shop: Shop, name: str, changes: str, *values: object) -> None:
    """Raw UPDATE of a group's row."""
    group_id = shop.groups[name]
    write(alias_of_id(group_id), f"UPDATE trade_group SET {changes} WHERE id = %s", *values, group_id)


def write_seat(shop: Shop, group: str, order: str, changes: str, *values: object) -> None:
    """Raw UPDATE of a seat's row."""
    group_id, order_id = shop.groups[group], shop.orders[order]
    statement = f"UPDATE trade_seat SET {changes} WHERE group_id = %s AND order_id = %s"
    write(alias_of_id(group_id), statement, *values, group_id, order_id)


def write_beside(shop: Shop, table: str, name: str, changes: str, *values: object) -> None:
    """Raw UPDATE of the rows of a table that name an order."""
    order_id = shop.orders[name]
    write(alias_of_id(order_id), f"UPDATE {table} SET {changes} WHERE order_id = %s", *values, order_id)


def delete_beside(shop: Shop, table: str, name: str, condition: str = "", *values: object) -> None:
    """Raw DELETE of the rows of a table that name an order."""
    order_id = shop.orders[name]
    write(alias_of_id(order_id), f"DELETE FROM {table} WHERE order_id = %s {condition}", order_id, *values)


def copy_row(table: str, row_id: int, *, source: str, target: str, **changes: object) -> None:
    """The row once more, changed or on another node, as a wrong restore would leave it."""
    with connections[source].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE id = %s", [row_id])
        row = dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True))
    row |= changes
    places = ", ".join(["%s"] * len(row))
    write(target, f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())


def set_stock(activity_id: int, **figures: object) -> None:
    """Raw HSET of the activity's stock."""
    ledger(partition_of(activity_id)).hset(stock_key(activity_id), mapping=figures)


def drop_stock(activity_id: int) -> None:
    ledger(partition_of(activity_id)).delete(stock_key(activity_id))


def set_hold(shop: Shop, name: str, **changes: object) -> None:
    """Raw HSET of an order's packed hold."""
    activity_id, field = shop.activity.pk, short_id(shop.orders[name])
    client: Any = ledger(partition_of(activity_id))
    hold = Hold.unpack(client.hget(holds_key(activity_id), field))
    client.hset(holds_key(activity_id), field, hold._replace(**changes).pack())
