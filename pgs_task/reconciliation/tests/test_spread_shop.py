"""An activity that is sold from buckets: every check holds, each bucket can be lost, and all comes back."""

import json
import time

import pytest

from pgs_data.lua.loader import run_command
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import bucket_of, partition_within, partitions_of
from pgs_task.order_drain.tests.making import drain
from pgs_task.reconciliation.quiet import find_restless
from pgs_task.reconciliation.stock_rebuild import rebuild_stock
from pgs_task.reconciliation.tests.losing import everything, figures, try_to_buy
from pgs_task.reconciliation.tests.making import UNITS, broken, make_shop, offenders_of, place, settle
from pgs_task.stock_sync.services import watch_stock_keys
from pgs_web.trade.intake.keys import READERS_KEY
from pgs_web.trade.stock.keys import away_key, bought_key, holds_key, stock_key
from pgs_web.trade.stock.lending import borrow_units, sweep_loans
from pgs_web.trade.stock.limits import find_limit_place, make_away_order, reserve_limits_command, sweep_limits
from pgs_web.trade.stock.steps import run_steps
from pgs_web.trade.stock.tests.spreading import limit_used, remains, run_some, spread_next

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]

OVER = 4


@pytest.fixture
def shop(settings):
    spread_next(settings, OVER)
    return make_shop()


def test_every_check_holds_after_everything_happened(shop):
    buckets = {bucket_of(shop.activity.pk, order_id) for order_id in shop.orders.values()}
    assert len(buckets) > 1
    # Somebody joined a group in another bucket than their own.
    assert any(ledger(number).exists(away_key(shop.activity.pk, number)) for number in partitions_of(shop.activity.pk))
    sweep_limits(bars_after_ms=0)
    assert find_restless() == []
    assert broken() == {}


@pytest.mark.parametrize("bucket", range(OVER))
def test_a_lost_bucket_comes_back(shop, bucket):
    activity_id, before = shop.activity.pk, everything(shop)
    # Units are on their way, and a joiner's process died: neither may be lost or counted twice.
    run_some(borrow_units(activity_id, borrower=(bucket + 1) % OVER, quantity=UNITS), 2)
    partition = partitions_of(activity_id)[bucket]
    ledger(partition).delete(stock_key(activity_id, partition))
    assert offenders_of("S7") == [
        f"activity {activity_id} is on sale and has no stock in Redis; run rebuild_stock {activity_id}"
    ]
    assert watch_stock_keys() == [activity_id]
    assert try_to_buy(shop) == "PAUSED"
    rebuilt = rebuild_stock(activity_id=activity_id)
    assert rebuilt.is_on_sale
    assert everything(shop) == before
    # A loan from before is worth nothing now.
    sweep_loans()
    settle()
    assert everything(shop) == before
    assert sum(remains(shop.activity)) == rebuilt.remain
    assert broken() == {}
    assert try_to_buy(shop) == "ADMITTED"


def test_all_that_redis_has_of_the_limits_is_lost(shop):
    activity_id, before = shop.activity.pk, everything(shop)
    for partition in partitions_of(activity_id):
        keys = (key(activity_id, partition) for key in (stock_key, bought_key, holds_key, away_key))
        ledger(partition).delete(*keys)
    # The home has lost the total, too.
    rebuild_stock(activity_id=activity_id)
    settle()
    assert everything(shop) == before
    assert broken() == {}
    # A joiner's units still come off the limit in the joiner's own bucket.
    joiner = shop.order("waiting_joiner")
    assert limit_used(shop.activity, joiner.member_id) == joiner.quantity


def test_a_limit_taken_before_a_rebuild_still_counts_after_it(shop):
    activity_id = shop.activity.pk
    member_id = 6
    order_id = next(one for one in shop.orders.values() if bucket_of(activity_id, one) != member_id % OVER) + OVER
    away = make_away_order(activity_id, order_id=order_id, member_id=member_id, quantity=2)
    partition = find_limit_place(activity_id, member_id=member_id, part_id=order_id)
    run_command(ledger(partition), reserve_limits_command(partition, [away]))
    rebuild_stock(activity_id=activity_id)
    # Its admission may be on its way.
    assert limit_used(shop.activity, member_id) == 2
    sweep_limits(bars_after_ms=0)
    assert limit_used(shop.activity, member_id) == 0
    settle()
    assert broken() == {}


def test_buckets_that_do_not_add_up_are_told(shop):
    activity_id = shop.activity.pk
    partition = partitions_of(activity_id)[2]
    ledger(partition).hincrby(stock_key(activity_id, partition), "total", 1)
    ledger(partition).hincrby(stock_key(activity_id, partition), "remain", 1)
    total = figures(shop)[0]
    assert offenders_of("S2") == [f"activity {activity_id}: its buckets have {total + 1} units, its total is {total}"]


def test_a_limit_counted_wrong_in_the_members_bucket_is_told(shop):
    joiner = shop.order("waiting_joiner")
    partition = partition_within(shop.activity.pk, joiner.member_id)
    ledger(partition).hincrby(bought_key(shop.activity.pk, partition), str(joiner.member_id), 1)
    (offender,) = offenders_of("O4")
    assert f"member {joiner.member_id}: Redis counts {joiner.quantity + 1} units" in offender


def test_orders_of_all_buckets_are_drained_and_judged(shop):
    orders: dict[str, int] = {}
    for number in range(8):
        place(orders, str(number), shop.activity, member_id=600 + number, alone=True)
    run_steps(borrow_units(shop.activity.pk, borrower=0, quantity=3))
    assert {bucket_of(shop.activity.pk, one) for one in orders.values()} == set(range(OVER))
    drain(shop.activity)
    settle()
    assert broken() == {}


def test_a_process_that_knows_nothing_of_the_buckets_is_told(shop, settings):
    activity_id = shop.activity.pk
    ledger().hset(READERS_KEY, "old:1", json.dumps({"at": time.time(), "read": {}}))
    ledger().hset(READERS_KEY, "gone:2", json.dumps({"at": time.time() - 60, "read": {}}))
    (told,) = offenders_of("S7")
    assert told.startswith("receiving process old:1 has another LEDGER_SPREAD")
    ledger().delete(READERS_KEY)
    assert offenders_of("S7") == []
    settings.LEDGER_SPREAD = {activity_id: 2}
    assert f"activity {activity_id} was loaded over 4 partitions, LEDGER_SPREAD says 2" in offenders_of("S7")
