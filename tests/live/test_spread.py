"""An activity in four buckets, sold by real processes that are killed: exact to the last unit and to each limit."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from pgs_task.shoppers.client import ShopClient, Shopper
from tests import private_run
from tests.live.process_table import children_of
from tests.live.running_shop import RunningShop, start_shop
from tests.live.shopping import make_activity, wait_for

# `make test-alone`: a shop of its own costs a minute; tests/races/test_spread.py kills in between all the same.
pytestmark = [pytest.mark.alone, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(400)]

OVER = 4
LEADERS, FRIENDS, UNITS, LIMIT, KILLS = 24, 240, 150, 2, 4
# Two orders of each friend, in two groups, whose leaders may be in any bucket.
WISHES = 2


@pytest.fixture(scope="module")
def spread_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """A shop of its own: what is spread has to be known before the first process starts."""
    spread = ",".join(f"{activity_id}={OVER}" for activity_id in range(1, 20))
    folder = tmp_path_factory.mktemp("spread")
    shop = start_shop(folder, nodes=private_run.database_kind(), variables={"LEDGER_SPREAD": spread})
    yield shop
    shop.stop()


def test_a_rush_while_the_web_server_is_killed(spread_shop: RunningShop) -> None:
    activity = make_activity(spread_shop, stock=UNITS, group_size=40, member_limit=LIMIT)
    shoppers = spread_shop.take_shoppers(LEADERS + FRIENDS)
    leaders, friends = shoppers[:LEADERS], shoppers[LEADERS:]
    answers: Counter[str] = Counter()
    bought: Counter[str] = Counter()
    is_over = False

    async def play() -> None:
        nonlocal is_over
        async with ShopClient(spread_shop.base_url, connections=48) as client:
            groups = [await open_group(client, leader) for leader in leaders]

            async def join(place: int, friend: Shopper, turn: int) -> None:
                group_id = groups[(place * 7 + turn * 5) % LEADERS]
                answer = await client.place_order_surely(
                    friend, tries=200, activity_id=activity, key=f"join-{turn}", group_id=group_id, quantity=1 + turn
                )
                answers[answer.code] += 1
                if answer.is_ok:
                    bought[friend.member_id] += 1 + turn

            async def kill() -> None:
                for _ in range(KILLS):
                    await asyncio.sleep(1)
                    workers = children_of(spread_shop.pid("web"))
                    if workers and not is_over:
                        os.kill(workers[0], signal.SIGKILL)

            killing = asyncio.create_task(kill())
            await asyncio.gather(
                *(join(place, friend, turn) for place, friend in enumerate(friends) for turn in range(WISHES))
            )
            is_over = True
            await killing

    async def open_group(client: ShopClient, leader: Shopper) -> str:
        answer = await client.place_order_surely(leader, tries=80, activity_id=activity, key="lead")
        assert answer.is_ok, answer
        return str(answer.body["group_id"])

    asyncio.run(play())
    assert sum(bought.values()) + LEADERS == UNITS
    assert max(bought.values()) <= LIMIT
    assert set(answers) <= {"202", "sold_out", "limit_exceeded", "group_full"}

    def is_all_sold() -> bool:
        (stock,) = spread_shop.manage("read_stock", activity, "--json")
        return (stock["total"], stock["remain"], stock["lock"] + stock["sold"]) == (UNITS, 0, UNITS)

    wait_for("the stock is what was sold", is_all_sold)
    spread_shop.assert_invariants_hold(wait=150)
