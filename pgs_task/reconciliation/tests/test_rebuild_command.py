"""`manage.py rebuild_stock`: what it refuses, what it opens again, and what it prints."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_task.order_drain.tests.making import drain
from pgs_task.stock_sync.lost_stock import rebuild_lock
from pgs_task.stock_sync.services import sync_stocks, watch_stock_keys
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.stock.keys import stock_key
from pgs_web.trade.stock.sales import end_sale, pause_sale
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


@pytest.fixture
def sale() -> Activity:
    """Ten units, three of them locked by written orders, and the stock lost."""
    activity = make_sale(stock=10, member_limit=3)
    admit(make_admission(activity, member_id=1, quantity=2, alone=True), make_admission(activity, member_id=251))
    drain(activity)
    sync_stocks()
    lose(activity)
    return activity


def lose(activity: Activity) -> None:
    ledger(partition_of(activity.pk)).delete(stock_key(activity.pk))


def rebuild(activity: Activity, *options: str) -> dict:
    out = io.StringIO()
    call_command("rebuild_stock", str(activity.pk), "--json", *options, stdout=out)
    (line,) = out.getvalue().splitlines()
    return json.loads(line)


def test_it_prints_what_is_there_now(sale):
    printed = rebuild(sale)
    figures = {"total": 10, "remain": 7, "lock": 3, "sold": 0, "orders": 2, "groups": 1}
    assert printed == {"activity_id": sale.pk, **figures, "is_on_sale": True}
    out = io.StringIO()
    call_command("rebuild_stock", str(sale.pk), stdout=out)
    assert out.getvalue().startswith(f"activity_id {sale.pk}, total 10, remain 7, lock 3")


def test_what_the_watch_paused_is_opened(sale):
    assert watch_stock_keys() == [sale.pk]
    sale.refresh_from_db()
    assert sale.state == ActivityState.PAUSED
    assert rebuild(sale)["is_on_sale"]
    sale.refresh_from_db()
    assert sale.state == ActivityState.RUNNING


def test_what_an_operator_paused_stays_paused_unless_told(sale):
    pause_sale(activity_id=sale.pk, actor="operator", reason="a wrong picture")
    assert not rebuild(sale)["is_on_sale"]
    sale.refresh_from_db()
    assert sale.state == ActivityState.PAUSED
    assert rebuild(sale, "--resume")["is_on_sale"]


def test_an_operator_who_pauses_after_a_dead_rebuild_is_obeyed(sale):
    pause_sale(activity_id=sale.pk, actor="rebuild_stock")
    assert rebuild(sale)["is_on_sale"]
    pause_sale(activity_id=sale.pk, actor="operator")
    lose(sale)
    assert not rebuild(sale)["is_on_sale"]


def test_one_that_ended_stays_over(sale):
    end_sale(activity_id=sale.pk, actor="operator")
    printed = rebuild(sale, "--resume")
    assert (printed["remain"], printed["is_on_sale"]) == (7, False)


def test_one_that_has_not_begun_is_scheduled_again():
    later = make_sale(stock=4, starts_in=timedelta(hours=1))
    lose(later)
    assert rebuild(later)["is_on_sale"]
    later.refresh_from_db()
    assert later.state == ActivityState.SCHEDULED


def test_more_orders_than_units(sale):
    with pytest.raises(CommandError, match="3 units, its total is 2: oversold by 1"):
        rebuild(sale, "--total", "2")
    assert read_stock(sale.pk) is None
    sale.refresh_from_db()
    assert sale.state == ActivityState.PAUSED
    printed = rebuild(sale, "--total", "3")
    assert (printed["total"], printed["remain"], printed["is_on_sale"]) == (3, 0, True)


def test_what_can_not_be_rebuilt(sale, redis_server):
    Activity.objects.filter(pk=sale.pk).update(state=ActivityState.IN_REVIEW)
    with pytest.raises(CommandError, match="IN_REVIEW: it has no stock before"):
        rebuild(sale)
    Activity.objects.filter(pk=sale.pk).update(state=ActivityState.RUNNING)
    with pytest.raises(CommandError, match="There is no activity 987654"):
        call_command("rebuild_stock", "987654")
    lease = rebuild_lock(sale.pk).acquire()
    with pytest.raises(CommandError, match=r"somebody else, or a rebuild has just died; try again in \d+ s"):
        rebuild(sale)
    lease.release()
    redis_server.kill()
    with pytest.raises(CommandError, match=r"broken off: .* Run it again"):
        rebuild(sale)
    redis_server.start()
    assert rebuild(sale)["remain"] == 7


@pytest.mark.parametrize("units", ["-1", "many", "100000001"])
def test_totals_that_are_none(units):
    with pytest.raises(CommandError, match="--total"):
        call_command("rebuild_stock", "1", f"--total={units}")
