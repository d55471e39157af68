"""A lost stock comes back exactly; nobody buys meanwhile, and nothing that happens meanwhile is lost."""

import pytest

from pgs_data.ids.texts import short_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.order_drain.tests.making import drain
from pgs_task.reconciliation import group_rebuild, stock_rebuild
from pgs_task.reconciliation.stock_rebuild import RebuildFailed, rebuild_stock
from pgs_task.reconciliation.tests.losing import (
    everything,
    figures,
    holds,
    lose_keys,
    lose_stock,
    running_group,
    try_to_buy,
)
from pgs_task.reconciliation.tests.making import UNITS, Shop, broken, make_shop, pay_order, place, settle
from pgs_task.routes import ROUTES
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.group.services import fail_group
from pgs_web.trade.group.states import FailReason
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.services import cancel_own_order
from pgs_web.trade.stock.holds import HoldState
from pgs_web.trade.stock.keys import bought_key, holds_key, stock_key
from pgs_web.trade.stock.selectors import read_gates, read_stock
from pgs_web.trade.stock.services import change_stock_total

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


@pytest.fixture
def shop() -> Shop:
    return make_shop()


def test_redis_is_killed_and_the_activitys_keys_are_lost(shop, redis_server):
    before, version = everything(shop), read_stock(shop.activity.pk).version
    redis_server.kill()
    redis_server.start()
    lose_keys(shop)
    assert {"S2", "S5", "S7", "O1", "O4", "E2"} <= broken().keys()
    assert try_to_buy(shop) == "UNKNOWN_ACTIVITY"

    rebuilt = rebuild_stock(activity_id=shop.activity.pk)

    assert everything(shop) == before
    assert (rebuilt.total, rebuilt.remain, rebuilt.lock, rebuilt.sold) == before[0]
    assert (rebuilt.orders, rebuilt.groups, rebuilt.is_on_sale) == (12, 2, True)
    assert read_stock(shop.activity.pk).version > version
    client = ledger(partition_of(shop.activity.pk))
    keys = (key(shop.activity.pk) for key in (stock_key, bought_key, holds_key))
    assert [client.ttl(key) for key in keys] == [-1, -1, -1]
    assert list(client.scan_iter("*:new:*")) + list(client.scan_iter("*:aside")) == []
    settle()
    assert broken() == {}
    assert try_to_buy(shop) == "ADMITTED"


def test_what_a_rebuild_finds_it_keeps(shop):
    before = everything(shop)
    rejected = shop.orders["rejected"]
    change_stock_total(activity_id=shop.activity.pk, difference=5, change_id="more")
    rebuilt = rebuild_stock(activity_id=shop.activity.pk)
    # Newer than the database's copy, which would say the old total.
    assert rebuilt.total == UNITS + 5
    change_stock_total(activity_id=shop.activity.pk, difference=5, change_id="more")
    assert figures(shop)[0] == UNITS + 5, "the same change is still recognised"
    assert everything(shop)[1:] == before[1:]
    client = ledger(partition_of(shop.activity.pk))
    assert client.hget(holds_key(shop.activity.pk), short_id(rejected)).startswith(b"X1|")
    settle()
    assert broken() == {}


def test_nobody_buys_while_the_orders_are_counted(shop, monkeypatch):
    lose_stock(shop)
    told = []

    def count(activity_id, lease):
        told.append((try_to_buy(shop), read_gates([activity_id])[activity_id]))
        counted = count_orders(activity_id, lease)
        told.append((try_to_buy(shop), read_gates([activity_id])[activity_id]))
        return counted

    count_orders = stock_rebuild.count_orders
    monkeypatch.setattr(stock_rebuild, "count_orders", count)
    rebuild_stock(activity_id=shop.activity.pk)
    assert told == [("PAUSED", "PAUSED"), ("PAUSED", "PAUSED")]
    assert try_to_buy(shop) == "ADMITTED"


def test_an_operator_who_opens_the_gate_meanwhile_lets_nobody_in(shop, monkeypatch):
    told = []

    def count(activity_id, lease):
        stock_rebuild.resume_sale(activity_id=activity_id, actor="operator")
        told.append(try_to_buy(shop))
        return count_orders(activity_id, lease)

    count_orders = stock_rebuild.count_orders
    monkeypatch.setattr(stock_rebuild, "count_orders", count)
    assert rebuild_stock(activity_id=shop.activity.pk).is_on_sale
    assert told == ["PAUSED"]
    settle()
    assert broken() == {}


def test_orders_that_are_not_written_down_are_waited_for(shop):
    place(shop.orders, "late", shop.activity, member_id=741, alone=True)
    lose_stock(shop)
    with pytest.raises(RebuildFailed, match=r"1 orders of partition \d+ .* drain_orders"):
        rebuild_stock(activity_id=shop.activity.pk, drain_seconds=0.3)
    assert try_to_buy(shop) == "PAUSED"
    drain(shop.activity)

    rebuilt = rebuild_stock(activity_id=shop.activity.pk)

    assert (rebuilt.orders, rebuilt.is_on_sale) == (13, True)
    assert holds(shop)[shop.orders["late"]] is HoldState.LOCKED
    settle()
    assert broken() == {}


def move_while_counted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the count and the restore one order is cancelled, one is paid, and both messages are delivered."""

    def count(activity_id, lease):
        counted = count_orders(activity_id, lease)
        cancel_own_order(member_id=21, order_id=shop.orders["unpaid"])
        pay_order(shop.orders["waiting_joiner"])
        deliver_all(ROUTES)
        return counted

    count_orders = stock_rebuild.count_orders
    monkeypatch.setattr(stock_rebuild, "count_orders", count)


def test_orders_that_move_while_they_are_counted(shop, monkeypatch):
    lose_keys(shop)
    move_while_counted(shop, monkeypatch)
    rebuild_stock(activity_id=shop.activity.pk)
    assert holds(shop)[shop.orders["unpaid"]] is HoldState.GIVEN_BACK
    assert holds(shop)[shop.orders["waiting_joiner"]] is HoldState.SOLD
    settle()
    assert broken() == {}


def test_negative_control_of_the_second_look(shop, monkeypatch):
    lose_keys(shop)
    move_while_counted(shop, monkeypatch)
    monkeypatch.setattr(stock_rebuild, "settle_what_moved", lambda activity_id: 0)
    rebuild_stock(activity_id=shop.activity.pk)
    settle()
    assert {"S2", "E2"} <= broken().keys()


def test_the_seat_of_an_order_that_was_just_cancelled_is_free(shop):
    # Its message is still in the outbox: the seat is active in the database, the units aren't the order's any more.
    cancel_own_order(member_id=11, order_id=shop.orders["waiting_joiner"])
    rebuild_stock(activity_id=shop.activity.pk)
    assert running_group(shop).seats.keys() == {501}
    settle()
    assert broken() == {}
    (verdict,) = admit(make_admission(shop.activity, member_id=751, join=shop.groups["waiting"]))
    assert verdict.reply.value == "ADMITTED"
    drain(shop.activity)
    settle()
    assert broken() == {}


def fail_while_written(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group fails, and its message is delivered, between the read of its row and the write of its hash."""

    def write(*, groups, **arguments):
        if shop.groups["waiting"] in [group_id for group_id, _expires_ms, _fields in groups]:
            assert fail_group(group_id=shop.groups["waiting"], reason=FailReason.TIMEOUT, actor="test")
            deliver_all(ROUTES)
        return write_groups(groups=groups, **arguments)

    write_groups = group_rebuild.write_groups
    monkeypatch.setattr(group_rebuild, "write_groups", write)


def test_a_group_that_is_decided_while_it_is_written_stays_closed(shop, monkeypatch):
    lose_keys(shop)
    fail_while_written(shop, monkeypatch)
    rebuild_stock(activity_id=shop.activity.pk)
    assert running_group(shop).is_closed
    settle()
    assert broken() == {}


def test_negative_control_of_the_groups_second_look(shop, monkeypatch):
    lose_keys(shop)
    fail_while_written(shop, monkeypatch)
    monkeypatch.setattr(group_rebuild, "_close_decided", lambda alias, groups: None)
    rebuild_stock(activity_id=shop.activity.pk)
    settle()
    assert "open in Redis" in str(broken()["E2"])


def test_an_activity_that_is_over_is_rebuilt_and_stays_over(shop):
    before = everything(shop)
    stock_rebuild.pause_sale(activity_id=shop.activity.pk, actor="operator")
    shop.activity.refresh_from_db()
    assert shop.activity.state == ActivityState.PAUSED
    lose_keys(shop)
    rebuilt = rebuild_stock(activity_id=shop.activity.pk)
    assert (everything(shop), rebuilt.is_on_sale) == (before, False)
    assert try_to_buy(shop) == "PAUSED"
