"""Rushes over HTTP against real processes: exact to the last unit, whoever is first."""

import asyncio
import random

import pytest

from pgs_task.shoppers.client import Answer, ShopClient, Shopper
from tests.live.running_shop import RunningShop
from tests.live.test_kill_under_load import make_activity, make_shoppers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live"), pytest.mark.timeout(600)]


def gather(shop: RunningShop, orders: list[dict], *, connections: int = 48) -> list[Answer]:
    async def play() -> list[Answer]:
        async with ShopClient(shop.base_url, connections=connections) as client:
            return list(await asyncio.gather(*(client.place_order(**order) for order in orders)))

    return asyncio.run(play())


def test_a_hundred_units_are_sold_exactly(running_shop: RunningShop) -> None:
    """5,000 shoppers want 1 to 3 of 100 units; everybody who got some pays."""
    shoppers = make_shoppers(running_shop, 5000)
    (line,) = running_shop.manage(
        *("create_activity", "--stock", "100", "--price-fen", "1000", "--group-size", "1", "--member-limit", "3"),
        *("--lasts", "3600", "--pay-within", "3000", "--json"),
    )
    activity = str(line["activity_id"])
    chance = random.Random(7)

    async def play() -> int:
        async with ShopClient(running_shop.base_url, connections=48) as client:

            async def buy(shopper: Shopper) -> int:
                quantity = chance.randint(1, 3)
                answer = await client.place_order_surely(
                    shopper, activity_id=activity, key=f"r-{shopper.member_id}", quantity=quantity
                )
                if not answer.is_ok:
                    assert answer.code == "sold_out", answer
                    return 0
                assert (await client.pay(shopper, answer.body["order_id"], tries=200)).is_ok
                return quantity

            return sum(await asyncio.gather(*(buy(shopper) for shopper in shoppers)))

    assert asyncio.run(play()) == 100
    running_shop.assert_invariants_hold()
    (stock,) = running_shop.manage("read_stock", activity, "--json")
    assert (stock["total"], stock["remain"], stock["lock"], stock["sold"]) == (100, 0, 0, 100)


def test_one_key_is_one_order_whatever_is_sent_with_it(running_shop: RunningShop) -> None:
    """One key 50 times at once, with two quantities and two activities: one order, 422 for the other bodies."""
    (shopper,) = make_shoppers(running_shop, 1)
    first, second = make_activity(running_shop, stock=100), make_activity(running_shop, stock=100)
    same = {"shopper": shopper, "key": "the-key"}
    bodies = [
        {"activity_id": first, "quantity": 1},
        {"activity_id": second, "quantity": 1},
        {"activity_id": first, "quantity": 2},
    ]
    answers = gather(running_shop, [same | bodies[number % 3] for number in range(51)])

    accepted = [answer for answer in answers if answer.status == 202]
    assert len({answer.body["order_id"] for answer in accepted}) <= 1
    others = [answer for answer in answers if answer.status != 202]
    # The winning body is either accepted every time or refused for its quantity every time (limit 1).
    reused = [answer for answer in others if answer.code == "idempotency_key_reused"]
    assert len(reused) == 34, [answer.code for answer in answers]
    assert {answer.status for answer in reused} == {422}
    assert {answer.code for answer in others} <= {"idempotency_key_reused", "limit_exceeded"}
    running_shop.assert_invariants_hold()


def test_the_same_order_fifty_times_at_once_is_one_order(running_shop: RunningShop) -> None:
    (shopper,) = make_shoppers(running_shop, 1)
    activity = make_activity(running_shop, stock=100, group_size=2)
    answers = gather(running_shop, [{"shopper": shopper, "key": "k", "activity_id": activity}] * 50)

    assert {answer.status for answer in answers} == {202}
    assert len({(answer.body["order_id"], answer.body["group_id"], answer.body["pay_by"]) for answer in answers}) == 1
    (stock,) = running_shop.manage("read_stock", activity, "--json")
    assert (stock["remain"], stock["lock"]) == (99, 1)
    running_shop.assert_invariants_hold()


def test_a_hundred_shoppers_want_the_last_seat(running_shop: RunningShop) -> None:
    leader, *friends = make_shoppers(running_shop, 101)
    activity = make_activity(running_shop, stock=1000, group_size=2)
    (opened,) = gather(running_shop, [{"shopper": leader, "key": "lead", "activity_id": activity}])
    group_id = opened.body["group_id"]
    answers = gather(
        running_shop,
        [{"shopper": friend, "key": "join", "activity_id": activity, "group_id": group_id} for friend in friends],
    )

    assert [answer.status for answer in answers].count(202) == 1
    assert {answer.code for answer in answers if answer.status != 202} == {"group_full"}
    running_shop.assert_invariants_hold()
