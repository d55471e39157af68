"""`kill -9` of each process under load: no acknowledged order is lost or doubled, and every invariant holds."""

import asyncio
import time
from collections.abc import Callable

import pytest

from pgs_task.shoppers.client import ShopClient, Shopper
from tests.live.running_shop import RunningShop

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live"), pytest.mark.timeout(600)]

SHOPPERS = 300
KILLS = 3
KINDS = ["web", "drain", "relay", "celery", "redis"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_acknowledged_order_is_lost_or_doubled(running_shop: RunningShop, kind: str) -> None:
    shoppers = make_shoppers(running_shop, SHOPPERS)
    activity = make_activity(running_shop, stock=SHOPPERS)

    acknowledged = asyncio.run(buy_while(running_shop, shoppers, activity, lambda: running_shop.kill(kind)))

    running_shop.wait_until_ready()
    assert len(acknowledged) == SHOPPERS, "everybody asked again with the same key until there was an answer"
    assert len(set(acknowledged.values())) == SHOPPERS, "two shoppers were given one order"
    running_shop.assert_invariants_hold()
    states = asyncio.run(read_states(running_shop, shoppers, acknowledged))
    assert set(states) <= {"AWAITING_GROUP", "TO_SHIP", "SHIPPED", "UNPAID"}, states
    stock = running_shop.manage("read_stock", activity, "--json")[0]
    assert (stock["lock"] + stock["sold"], stock["remain"]) == (SHOPPERS, 0)


def make_shoppers(shop: RunningShop, count: int) -> list[Shopper]:
    lines = shop.manage("create_members", str(count), "--prefix", f"k{time.time_ns():x}", "--json")
    return [Shopper(line["member_id"], line["access"], line["address_id"]) for line in lines]


def make_activity(shop: RunningShop, *, stock: int, group_size: int = 1) -> str:
    (line,) = shop.manage(
        "create_activity",
        *("--stock", str(stock), "--price-fen", "1000", "--group-size", str(group_size), "--lasts", "3600"),
        *("--group-lasts", "3000", "--pay-within", "2000", "--json"),
    )
    return str(line["activity_id"])


async def buy_while(
    shop: RunningShop, shoppers: list[Shopper], activity: str, kill: Callable[[], int]
) -> dict[str, str]:
    """Everybody buys, half of them pay; meanwhile `kill` is called several times. Member → acknowledged order."""
    acknowledged: dict[str, str] = {}
    done = asyncio.Event()

    async def kill_often() -> None:
        for _ in range(KILLS):
            before = len(acknowledged)
            # Not before new orders have come in since the last kill, so that each one hits work.
            while len(acknowledged) < before + SHOPPERS // (KILLS + 2) and not done.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            assert await asyncio.to_thread(kill), "nothing of this kind was running"

    async with ShopClient(shop.base_url, connections=24) as client:

        async def buy(number: int, shopper: Shopper) -> None:
            answer = await client.place_order_surely(
                shopper, tries=60, activity_id=activity, key=f"kill-{shopper.member_id}"
            )
            assert answer.status == 202, answer
            acknowledged[shopper.member_id] = answer.body["order_id"]
            if number % 2:
                await client.pay(shopper, answer.body["order_id"], tries=120)

        killer = asyncio.create_task(kill_often())
        await asyncio.gather(*(buy(number, shopper) for number, shopper in enumerate(shoppers)))
        done.set()
        await killer
    return acknowledged


async def read_states(shop: RunningShop, shoppers: list[Shopper], acknowledged: dict[str, str]) -> list[str]:
    async with ShopClient(shop.base_url, connections=16) as client:

        async def read(shopper: Shopper) -> str:
            order_id = acknowledged[shopper.member_id]
            answer = await client.get_order(shopper, order_id)
            assert answer.status == 200, f"acknowledged order {order_id} is lost: {answer}"
            return str(answer.body["state"])

        return list(await asyncio.gather(*(read(shopper) for shopper in shoppers)))
