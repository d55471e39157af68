"""The database's copy of the stock: absolute values, no way back in version or fence, few statements."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from pgs_data.clock import database_now
from pgs_web.display.activity.models import ActivityStock, StockSyncPass
from pgs_web.display.activity.services import StockCopy, finish_stock_pass, record_stock, record_stocks
from pgs_web.display.activity.tests.making import make_activity, make_sku

pytestmark = pytest.mark.django_db(databases="__all__")


def copy_of(activity, *, version, sold=0):
    return StockCopy(activity_id=activity.pk, total=10, remain=10 - sold, lock=0, sold=sold, version=version)


def record(activity, *, version, sold=0, fence=1, after=0):
    read_at = database_now("default") + timedelta(seconds=after)
    return record_stock(copy=copy_of(activity, version=version, sold=sold), fence=fence, read_at=read_at)


def figures(activity):
    return ActivityStock.objects.values_list("total", "remain", "sold", "version", "fence").get(activity=activity)


def test_the_first_copy_makes_the_row():
    activity = make_activity()
    assert record(activity, version=0)
    assert figures(activity) == (10, 10, 0, 0, 1)


def test_a_later_version_overwrites_and_an_earlier_one_does_not():
    activity = make_activity()
    record(activity, version=5, sold=5)
    assert not record(activity, version=4, sold=4)
    assert figures(activity) == (10, 5, 5, 5, 1)
    assert record(activity, version=6, sold=6)
    assert figures(activity) == (10, 4, 6, 6, 1)


def test_a_writer_that_lost_its_lock_is_refused():
    activity = make_activity()
    record(activity, version=5, fence=8)
    assert not record(activity, version=9, sold=9, fence=7)
    assert figures(activity) == (10, 10, 0, 5, 8)
    assert record(activity, version=6, sold=1, fence=8)


def test_the_same_version_again_only_makes_it_younger():
    activity = make_activity()
    record(activity, version=5, sold=5)
    before = activity.stock.synced_at
    assert record(activity, version=5, sold=5, after=3)
    activity.stock.refresh_from_db()
    assert activity.stock.synced_at > before
    assert figures(activity) == (10, 5, 5, 5, 1)


def test_many_cost_what_one_costs_and_each_keeps_its_own_figures():
    sku = make_sku()
    activities = [make_activity(sku=sku) for _number in range(30)]
    record(activities[7], version=100, sold=9)
    now = database_now("default")
    copies = [copy_of(activity, version=number, sold=number % 10) for number, activity in enumerate(activities)]
    with CaptureQueriesContext(connections["default"]) as one:
        record_stocks(copies=copies[:1], fence=1, read_at=now)
    with CaptureQueriesContext(connections["default"]) as many:
        assert record_stocks(copies=copies, fence=1, read_at=now) == 29
    assert len(many) == len(one)
    for number, activity in enumerate(activities):
        wanted = (10, 1, 9, 100, 1) if number == 7 else (10, 10 - number % 10, number % 10, number, 1)
        assert figures(activity) == wanted


def test_more_than_a_chunk(monkeypatch):
    monkeypatch.setattr("pgs_web.display.activity.services.stock_copy.COPIES_AN_UPDATE", 2)
    sku = make_sku()
    activities = [make_activity(sku=sku) for _number in range(5)]
    copies = [copy_of(activity, version=1, sold=3) for activity in activities]
    assert record_stocks(copies=copies, fence=1, read_at=database_now("default")) == 5
    assert {figures(activity) for activity in activities} == {(10, 7, 3, 1, 1)}


def test_of_two_copies_of_one_activity_the_later_counts():
    activity = make_activity()
    copies = [copy_of(activity, version=3, sold=3), copy_of(activity, version=2, sold=2)]
    record_stocks(copies=copies, fence=1, read_at=database_now("default"))
    assert figures(activity) == (10, 7, 3, 3, 1)


def test_no_copies_are_fine():
    assert record_stocks(copies=[], fence=1, read_at=database_now("default")) == 0


def test_a_pass_goes_forward_only_and_only_by_its_writer():
    now = database_now("default")
    assert finish_stock_pass(as_of=now, fence=2)
    assert not finish_stock_pass(as_of=now + timedelta(seconds=9), fence=1)
    assert not finish_stock_pass(as_of=now - timedelta(seconds=9), fence=2)
    assert StockSyncPass.objects.get().as_of == now
    assert finish_stock_pass(as_of=now + timedelta(seconds=1), fence=2)
    assert StockSyncPass.objects.get().as_of == now + timedelta(seconds=1)
