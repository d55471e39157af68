"""Whoever keeps facts and sold-out activities in memory hears of everything that could make that memory wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_task.reconciliation.stock_rebuild import rebuild_stock
from pgs_web.display.activity.models import Activity
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.stock.keys import news_key, stock_key
from pgs_web.trade.stock.messages import SettleMovement
from pgs_web.trade.stock.sales import change_rules, pause_sale, resume_sale
from pgs_web.trade.stock.services import Settlement, change_stock_total, settle_holds
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def news_of(activity: Activity) -> int:
    """How often the activity was news so far."""
    partition = partition_of(activity.pk)
    entries: Any = ledger(partition).xrange(news_key(partition))
    return sum(fields[b"a"] == str(activity.pk).encode() for _entry, fields in entries)


def is_news(activity: Activity, act: Callable[[], object]) -> bool:
    before = news_of(activity)
    act()
    return news_of(activity) > before


def settle(activity: Activity, order_id: int, movement: SettleMovement) -> None:
    settle_holds(settlements=[Settlement(activity_id=activity.pk, order_id=order_id, movement=movement)])


def test_a_new_sale_is_news():
    assert news_of(make_sale()) > 0


def test_rules_gate_and_total_are_news():
    activity = make_sale()
    changes = {"price_fen": activity.price_fen - 1}
    assert is_news(activity, lambda: pause_sale(activity_id=activity.pk, actor="test"))
    assert is_news(activity, lambda: resume_sale(activity_id=activity.pk, actor="test"))
    assert is_news(activity, lambda: change_rules(activity_id=activity.pk, changes=changes, actor="test"))
    assert is_news(activity, lambda: change_stock_total(activity_id=activity.pk, difference=5, change_id="a"))
    assert not is_news(activity, lambda: change_stock_total(activity_id=activity.pk, difference=5, change_id="a"))


@pytest.mark.parametrize("first", [[], [SettleMovement.CONFIRM]])
def test_units_that_come_back_to_nothing_are_news(first):
    activity = make_sale(stock=1)
    order = make_admission(activity)
    admit(order)
    for movement in first:
        assert not is_news(activity, lambda movement=movement: settle(activity, order.order_id, movement))
    back = SettleMovement.RETURN if first else SettleMovement.RELEASE
    assert is_news(activity, lambda: settle(activity, order.order_id, back))
    assert not is_news(activity, lambda: settle(activity, order.order_id, back))


def test_units_that_come_back_are_news_when_somebody_wanted_more_than_there_was():
    activity = make_sale(stock=3, member_limit=9)
    order = make_admission(activity, quantity=2)
    (admitted, refused) = admit(order, make_admission(activity, member_id=2, quantity=2))
    assert (admitted.reply, refused.reply) == (AdmitReply.ADMITTED, AdmitReply.SOLD_OUT)
    assert is_news(activity, lambda: settle(activity, order.order_id, SettleMovement.RELEASE))


def test_the_rush_itself_is_no_news():
    activity = make_sale(stock=9)
    order = make_admission(activity)
    assert not is_news(activity, lambda: admit(order))
    assert not is_news(activity, lambda: settle(activity, order.order_id, SettleMovement.RELEASE))


def test_a_rebuilt_stock_is_news():
    activity = make_sale()
    ledger(partition_of(activity.pk)).delete(stock_key(activity.pk))
    assert is_news(activity, lambda: rebuild_stock(activity_id=activity.pk))


def test_news_are_bounded():
    activity = make_sale()
    partition = partition_of(activity.pk)
    pipeline = ledger(partition).pipeline()
    for number in range(1500):
        pipeline.xadd(news_key(partition), {"a": number})
    pipeline.execute()
    change_stock_total(activity_id=activity.pk, difference=1)
    # Whole nodes of the stream are cut, of 100 entries each.
    assert 1000 <= ledger(partition).xlen(news_key(partition)) <= 1200
