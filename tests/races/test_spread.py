"""Processes that buy from one spread activity and are killed at any moment: exact to the last unit, limits too."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partitions_of
from pgs_web.trade.stock.keys import away_open_key, lending_key
from pgs_web.trade.stock.lending import Borrowed, borrow_units, sweep_loans
from pgs_web.trade.stock.limits import sweep_limits
from pgs_web.trade.stock.scans import iterate_bought_units, iterate_holds
from pgs_web.trade.stock.selectors import read_buckets, read_stock
from pgs_web.trade.stock.steps import run_steps
from pgs_web.trade.stock.tests.spreading import make_spread_sale, units_anywhere
from tests.races.spread_buyers import LIMIT

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]

OVER, BUYERS, UNITS = 4, 4, 100
KILLS = 12


@pytest.fixture
def sale(settings):
    return make_spread_sale(settings, over=OVER, stock=UNITS, member_limit=LIMIT)


@pytest.fixture
def start(sale) -> Iterator[object]:
    """Starts a buyer; whoever still runs in the end is killed."""
    running: list[subprocess.Popen[bytes]] = []

    def start_buyer(seed: int) -> subprocess.Popen[bytes]:
        buyer = subprocess.Popen(
            [sys.executable, "-m", "tests.races.spread_buyers", str(sale.pk), str(seed)],
            env={**os.environ, "LEDGER_SPREAD": f"{sale.pk}={OVER}"},
        )
        running.append(buyer)
        return buyer

    yield start_buyer
    for buyer in running:
        buyer.kill()
        buyer.wait()


@pytest.mark.parametrize(
    "is_swept",
    [
        pytest.param(True, id="swept"),
        pytest.param(False, id="negative control", marks=pytest.mark.alone),
    ],
)
def test_killed_anywhere(sale, start, is_swept):
    chance = random.Random(11)
    buyers = [start(seed) for seed in range(BUYERS)]
    wait_for_sales(sale, 5)
    for seed in range(BUYERS, BUYERS + KILLS):
        time.sleep(chance.uniform(0.01, 0.15))
        place = chance.randrange(BUYERS)
        assert buyers[place].poll() is None, "a buyer ends only when it is killed"
        buyers[place].kill()
        buyers[place].wait()
        buyers[place] = start(seed)
    time.sleep(2)
    for buyer in buyers:
        buyer.kill()
        buyer.wait()

    if not is_swept:
        # Units on their way, and limits of orders that never came: the killed ones were in the middle of something.
        with pytest.raises(AssertionError):
            check_everything(sale)
    # What the killed ones left behind, as the clock will do it.
    sweep_loans()
    sweep_limits(bars_after_ms=0)
    assert not any(
        ledger(number).exists(lending_key(number), away_open_key(number)) for number in partitions_of(sale.pk)
    )
    check_everything(sale)


def test_sold_to_the_last_unit(sale, start):
    """Forty members may buy 120 units of 100."""
    buyers = [start(seed) for seed in range(BUYERS)]
    wait_for_sales(sale, UNITS)
    for buyer in buyers:
        buyer.kill()
        buyer.wait()
    sweep_loans()
    sweep_limits(bars_after_ms=0)
    check_everything(sale)
    assert read_stock(sale.pk).lock == UNITS
    for bucket, of_bucket in enumerate(read_buckets([sale.pk])[sale.pk]):
        assert of_bucket.stock.remain == 0
        assert run_steps(borrow_units(sale.pk, borrower=bucket, quantity=1)) is not Borrowed.UNSURE


def wait_for_sales(sale, units):
    deadline = time.monotonic() + 60
    while read_stock(sale.pk).lock < units:
        assert time.monotonic() < deadline, read_buckets([sale.pk])
        time.sleep(0.02)


def check_everything(sale):
    """Every unit once, every hold counted, every limit what its member's holds say."""
    assert units_anywhere(sale) == UNITS
    stock = read_stock(sale.pk)
    held = [hold for _order_id, hold in iterate_holds(sale.pk) if hold.state.value == "L"]
    assert sum(hold.quantity for hold in held) == stock.lock
    assert stock.remain == sum(bucket.stock.remain for bucket in read_buckets([sale.pk])[sale.pk]) >= 0
    bought: Counter[int] = Counter()
    for hold in held:
        bought[hold.member_id] += hold.quantity
    assert max(bought.values()) <= LIMIT
    assert {member: units for _activity, member, units in iterate_bought_units([sale.pk])} == bought
