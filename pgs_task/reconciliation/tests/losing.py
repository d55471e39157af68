"""Loses what Redis has of an activity, and remembers it."""

from typing import Any

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_task.reconciliation.tests.making import Shop
from pgs_web.trade.group.admitted import read_packed_groups
from pgs_web.trade.group.packed import PackedGroup
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.stock.holds import HoldState
from pgs_web.trade.stock.keys import activity_key, bought_key, holds_key, stock_key
from pgs_web.trade.stock.scans import iterate_bought_units, iterate_holds
from pgs_web.trade.stock.selectors import read_stock


class Died(BaseException):
    """A SIGKILL, as far as the code that it interrupts can tell."""


def lose_keys(shop: Shop) -> None:
    """Facts, stock, members' units, holds and groups."""
    sale = shop.activity.pk
    client: Any = ledger(partition_of(sale))
    groups = list(client.scan_iter("*:groups:*"))
    client.delete(activity_key(sale), stock_key(sale), bought_key(sale), holds_key(sale), *groups)


def lose_stock(shop: Shop) -> None:
    ledger(partition_of(shop.activity.pk)).delete(stock_key(shop.activity.pk))


def figures(shop: Shop) -> tuple[int, int, int, int]:
    """total, remain, lock, sold."""
    stock = read_stock(shop.activity.pk)
    assert stock is not None
    return stock.total, stock.remain, stock.lock, stock.sold


def holds(shop: Shop) -> dict[int, HoldState]:
    """States of the holds of orders that have rows."""
    found = dict(iterate_holds(shop.activity.pk))
    return {order_id: hold.state for order_id, hold in found.items() if hold.state is not HoldState.REJECTED}


def bought(shop: Shop) -> dict[int, int]:
    return {member: units for _activity, member, units in iterate_bought_units([shop.activity.pk])}


def running_group(shop: Shop) -> PackedGroup:
    return read_packed_groups([(shop.activity.pk, shop.groups["waiting"])])[shop.groups["waiting"]]


def everything(shop: Shop) -> tuple[Any, ...]:
    """What a rebuild has to bring back exactly."""
    return figures(shop), holds(shop), bought(shop), running_group(shop)


def try_to_buy(shop: Shop, *, member_id: int = 741) -> str:
    """What a shopper is told now."""
    (verdict,) = admit(make_admission(shop.activity, member_id=member_id, alone=True))
    return verdict.reply.value
