"""Rushes over HTTP against real processes: exact to the last unit, whoever is first."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from pgs_task.shoppers.client import ShopClient, Shopper
from tests.live.running_shop import RunningShop
from tests.live.shopping import list_orders, make_activity, make_shoppers, place_at_once, wait_for

# On SQLite the same races run in one process (tests/races); the whole shop plays them once, on the real nodes.
pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(600)]

SHOPPERS = 5000
UNITS = 100


@pytest.fixture(scope="module", autouse=True)
def _everything_holds_in_the_end(running_shop: RunningShop) -> Iterator[None]:
    """One look for all tests of the file: it costs some seconds."""
    yield
    running_shop.assert_invariants_hold()


def test_a_hundred_units_are_sold_exactly(running_shop: RunningShop) -> None:
    """5,000 shoppers want 1 to 3 of 100 units; everybody who got some pays."""
    shoppers = make_shoppers(running_shop, SHOPPERS)
    activity = make_activity(running_shop, stock=UNITS, member_limit=3)
    chance = random.Random(7)
    quantities = {shopper: chance.randint(1, 3) for shopper in shoppers}
    answers: Counter[str] = Counter()

    async def play() -> int:
        async with ShopClient(running_shop.base_url, connections=64) as client:

            async def buy(shopper: Shopper) -> int:
                answer = await client.place_order_surely(
                    shopper, activity_id=activity, key="rush", quantity=quantities[shopper]
                )
                answers[answer.code] += 1
                if not answer.is_ok:
                    return 0
                paid = await client.pay(shopper, answer.body["order_id"], tries=200)
                assert paid.is_ok, paid
                return quantities[shopper]

            return sum(await asyncio.gather(*(buy(shopper) for shopper in shoppers)))

    assert asyncio.run(play()) == UNITS
    assert set(answers) == {"202", "sold_out"}
    assert answers.total() == SHOPPERS

    def settled() -> dict[str, Any] | None:
        (stock,) = running_shop.manage("read_stock", activity, "--json")
        return stock if stock["lock"] == 0 else None

    stock = wait_for("payments reach the stock", settled)
    assert (stock["total"], stock["remain"], stock["sold"]) == (UNITS, 0, UNITS)


def test_one_key_is_one_order_whatever_is_sent_with_it(running_shop: RunningShop) -> None:
    """One key 51 times at once, with two quantities and two activities: one body wins and is one order; else 422."""
    (shopper,) = make_shoppers(running_shop, 1)
    first, second = (make_activity(running_shop, stock=100, member_limit=10) for _ in range(2))
    assert int(first) % 16 != int(second) % 16, "they live in different partitions"
    bodies = [
        {"activity_id": first, "quantity": 1},
        {"activity_id": second, "quantity": 1},
        {"activity_id": first, "quantity": 2},
    ]
    answers = place_at_once(
        running_shop, [{"shopper": shopper, "key": "the-key", **bodies[number % 3]} for number in range(51)]
    )

    by_body = [Counter((answer.status, answer.code) for answer in answers[place::3]) for place in range(3)]
    accepted = Counter({(202, "202"): 17})
    reused = Counter({(422, "idempotency_key_reused"): 17})
    assert sorted(by_body, key=str) == sorted([accepted, reused, reused], key=str)
    order_ids = {answer.body["order_id"] for answer in answers if answer.status == 202}
    assert len(order_ids) == 1
    check_only_order(running_shop, shopper, order_ids.pop())
    # Afterwards too, and the winner's body still gets its answer.
    later = place_at_once(running_shop, [{"shopper": shopper, "key": "the-key", **body} for body in bodies])
    assert sorted(answer.status for answer in later) == [202, 422, 422]


def test_the_same_order_fifty_times_at_once_is_one_order(running_shop: RunningShop) -> None:
    (shopper,) = make_shoppers(running_shop, 1)
    activity = make_activity(running_shop, stock=100, group_size=2)
    answers = place_at_once(running_shop, [{"shopper": shopper, "key": "k", "activity_id": activity}] * 50)

    assert {answer.status for answer in answers} == {202}
    said = {(answer.body["order_id"], answer.body["group_id"], answer.body["pay_by"]) for answer in answers}
    assert len(said) == 1
    check_only_order(running_shop, shopper, said.pop()[0])
    (stock,) = running_shop.manage("read_stock", activity, "--json")
    assert (stock["remain"], stock["lock"]) == (99, 1)


def test_a_hundred_shoppers_want_the_last_seat(running_shop: RunningShop) -> None:
    leader, *friends = make_shoppers(running_shop, 101)
    activity = make_activity(running_shop, stock=1000, group_size=2)
    (opened,) = place_at_once(running_shop, [{"shopper": leader, "key": "lead", "activity_id": activity}])
    group_id = opened.body["group_id"]
    answers = place_at_once(
        running_shop,
        [{"shopper": friend, "key": "join", "activity_id": activity, "group_id": group_id} for friend in friends],
    )

    assert Counter(answer.code for answer in answers) == {"202": 1, "group_full": 99}


def check_only_order(shop: RunningShop, shopper: Shopper, order_id: str) -> None:
    async def look() -> list[str]:
        async with ShopClient(shop.base_url) as client:
            return [order["order_id"] for order in await list_orders(client, shopper)]

    assert asyncio.run(look()) == [order_id]
