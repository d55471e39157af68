"""A lost stock key pauses its activity, and nothing else does."""

import pytest

from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import partition_of
from pgs_task.reconciliation.stock_rebuild import rebuild_stock
from pgs_task.stock_sync import services
from pgs_task.stock_sync.lost_stock import STOCK_LOST, rebuild_lock
from pgs_task.stock_sync.services import watch_stock_keys
from pgs_web.display.activity.models import Activity, ActivityLog
from pgs_web.display.activity.services import end_activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.stock.keys import activity_key, stock_key
from pgs_web.trade.stock.selectors import read_gates
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def lose(activity: Activity, *, facts: bool = False) -> None:
    client = ledger(partition_of(activity.pk))
    client.delete(stock_key(activity.pk), *([activity_key(activity.pk)] if facts else []))


def state_of(activity: Activity) -> str:
    activity.refresh_from_db()
    return activity.state


def test_only_what_is_lost_is_paused():
    lost, forgotten, healthy = make_sale(), make_sale(), make_sale()
    lose(lost)
    lose(forgotten, facts=True)
    assert watch_stock_keys() == [lost.pk, forgotten.pk]
    assert [state_of(one) for one in (lost, forgotten, healthy)] == ["PAUSED", "PAUSED", "RUNNING"]
    gates = read_gates([lost.pk, forgotten.pk, healthy.pk])
    assert gates == {lost.pk: "PAUSED", forgotten.pk: "PAUSED", healthy.pk: "RUNNING"}
    row = ActivityLog.objects.filter(activity=lost).latest("id")
    assert (row.from_state, row.to_state, row.actor, row.reason) == ("RUNNING", "PAUSED", "clock", STOCK_LOST)
    assert watch_stock_keys() == []


def test_a_stock_that_is_being_rebuilt_is_not_lost():
    activity = make_sale()
    lose(activity)
    with rebuild_lock(activity.pk):
        assert watch_stock_keys() == []
    assert state_of(activity) == ActivityState.RUNNING
    assert watch_stock_keys() == [activity.pk]


def test_a_rebuild_that_ends_after_the_look_is_not_undone(monkeypatch):
    activity = make_sale()
    lose(activity)
    is_first = [True]

    def looking(ids):
        found = works(ids)
        if is_first:
            is_first.clear()
            rebuild_stock(activity_id=activity.pk)
        return found

    works = services.read_stocks
    monkeypatch.setattr(services, "read_stocks", looking)
    assert watch_stock_keys() == []
    assert state_of(activity) == ActivityState.RUNNING


def test_one_that_ends_meanwhile_keeps_no_other_waiting(monkeypatch):
    ending, lost = make_sale(), make_sale()
    lose(ending)
    lose(lost)
    is_first = [True]

    def looking(ids):
        if is_first:
            is_first.clear()
            end_activity(activity_id=ending.pk, actor="test")
            return {}
        return works(ids)

    works = services.read_stocks
    monkeypatch.setattr(services, "read_stocks", looking)
    assert watch_stock_keys() == [lost.pk]
    assert (state_of(ending), state_of(lost)) == ("ENDED", "PAUSED")


def test_redis_that_is_away_pauses_nothing(redis_server):
    activity = make_sale()
    redis_server.kill()
    with pytest.raises(RedisUnavailable):
        watch_stock_keys()
    assert state_of(activity) == ActivityState.RUNNING
    redis_server.start()
    assert watch_stock_keys() == []
    assert state_of(activity) == ActivityState.RUNNING


def test_what_cannot_be_looked_at_is_not_lost_and_keeps_nobody_waiting(settings):
    away, lost = make_sale(), make_sale()
    lose(lost)
    settings.LEDGER_PARTITION_URLS = {partition_of(away.pk): "redis://127.0.0.1:1/0"}
    assert watch_stock_keys() == [lost.pk]
    assert state_of(away) == ActivityState.RUNNING


def test_a_pass_looks_at_so_many_and_the_next_goes_on(monkeypatch):
    """In a shop of any size a pass costs the same, and after some passes everything was looked at."""
    monkeypatch.setattr(services, "PAGE", 1)
    monkeypatch.setattr(services, "WATCHED_A_PASS", 2)
    sales = [make_sale() for _ in range(5)]
    looked_at = []

    def looking(ids):
        looked_at.extend(ids)
        return works(ids)

    works = services.read_stocks
    monkeypatch.setattr(services, "read_stocks", looking)
    for count in (2, 4, 5):
        assert watch_stock_keys() == []
        assert looked_at == [sale.pk for sale in sales[:count]]
    lose(sales[0])
    lose(sales[3])
    looked_at.clear()
    assert watch_stock_keys() == [sales[0].pk]
    # What is paused is not watched any more; the others come in their turn.
    assert watch_stock_keys() == [sales[3].pk]
