"""`kill -9` of every kind of process under load: no acknowledged order is lost or doubled, every invariant holds."""

import asyncio
import os
import random
import signal
from collections import Counter, defaultdict

import pytest

from pgs_task.shoppers.client import ShopClient, Shopper
from tests.live.process_table import age_of, children_of, is_alive
from tests.live.running_shop import RunningShop
from tests.live.shopping import list_orders, make_activity, make_shoppers

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.live, pytest.mark.timeout(600)]

PAIRS = 24
ROUNDS = 3
# Names of services.json, and a worker that the web server's master forked.
VICTIMS = ("valkey", "web", "web worker", "drain", "relay", "logistics", "worker", "beat")
# A process that has just been started is still importing: killing it would prove nothing.
AT_WORK_SECONDS = 2.5
ORDERS_BETWEEN_KILLS = 4
LONGEST_WAIT_SECONDS = 120
PAUSE_BETWEEN_ORDERS_SECONDS = 0.25


class Load:
    """Pairs of shoppers who open a group, fill it and pay, again and again, until the last kill."""

    def __init__(self, shop: RunningShop, activity: str) -> None:
        self.shop = shop
        self.activity = activity
        self.acknowledged: dict[Shopper, list[str]] = defaultdict(list)
        self.paid: set[str] = set()
        self.killed: Counter[str] = Counter()
        self.is_over = False

    @property
    def count(self) -> int:
        return sum(map(len, self.acknowledged.values()))

    async def run(self, shoppers: list[Shopper]) -> None:
        async with ShopClient(self.shop.base_url, connections=PAIRS) as client:
            pairs = [self._shop(client, *pair) for pair in zip(shoppers[::2], shoppers[1::2], strict=True)]
            await asyncio.gather(self._kill_everybody(), *pairs)

    async def _shop(self, client: ShopClient, leader: Shopper, friend: Shopper) -> None:
        turn = 0
        while not self.is_over:
            group_id = None
            for shopper in (leader, friend):
                # Asked again with the same key until the shop says yes or no.
                answer = await client.place_order_surely(
                    shopper, tries=80, activity_id=self.activity, key=f"kill-{turn}", group_id=group_id
                )
                assert answer.status == 202, answer
                self.acknowledged[shopper].append(answer.body["order_id"])
                group_id = answer.body["group_id"]
            # Every third group is left half paid.
            for shopper in (leader, friend)[: 1 if turn % 3 == 2 else 2]:
                order_id = self.acknowledged[shopper][-1]
                paid = await client.pay(shopper, order_id, tries=120)
                assert paid.is_ok, paid
                self.paid.add(order_id)
            turn += 1
            await asyncio.sleep(PAUSE_BETWEEN_ORDERS_SECONDS)

    async def _kill_everybody(self) -> None:
        try:
            for _ in range(ROUNDS):
                for victim in random.sample(VICTIMS, len(VICTIMS)):
                    await self._kill(victim)
        finally:
            self.is_over = True

    async def _kill(self, victim: str) -> None:
        """One kill, after orders were taken since the last one and while the victim is at work."""
        before = self.count
        deadline = asyncio.get_running_loop().time() + LONGEST_WAIT_SECONDS
        while True:
            pids = self._pids_of(victim)
            is_at_work = bool(pids) and all(is_alive(pid) and age_of(pid) > AT_WORK_SECONDS for pid in pids)
            if is_at_work and self.count >= before + ORDERS_BETWEEN_KILLS:
                break
            assert asyncio.get_running_loop().time() < deadline, f"no {victim} at work or no orders\n{self.shop.logs()}"
            await asyncio.sleep(0.02)
        os.kill(pids[0], signal.SIGKILL)
        self.killed[victim] += 1

    def _pids_of(self, victim: str) -> list[int]:
        if victim == "web worker":
            return children_of(self.shop.pid("web"))[-1:]
        return [self.shop.pid(victim)]


def test_no_acknowledged_order_is_lost_or_doubled(running_shop: RunningShop) -> None:
    shoppers = make_shoppers(running_shop, 2 * PAIRS)
    load = Load(running_shop, make_activity(running_shop, stock=100_000, group_size=2, member_limit=1000))

    asyncio.run(load.run(shoppers))

    assert load.killed == dict.fromkeys(VICTIMS, ROUNDS)
    running_shop.wait_until_ready()
    running_shop.assert_invariants_hold()
    states = asyncio.run(read_states(running_shop, shoppers))
    acknowledged = [order_id for order_ids in load.acknowledged.values() for order_id in order_ids]
    assert len(acknowledged) == len(set(acknowledged)), "two were given one order"
    for shopper in shoppers:
        # Both ways: none is lost, and none is there that nobody was told of.
        assert sorted(states[shopper]) == sorted(load.acknowledged[shopper])
    by_order = {order_id: state for orders in states.values() for order_id, state in orders.items()}
    # Half of a half-paid pair waits, the other half hasn't paid; everybody else's parcel is on its way.
    assert {by_order[order_id] for order_id in load.paid} == {"AWAITING_GROUP", "SHIPPED"}
    assert {state for order_id, state in by_order.items() if order_id not in load.paid} == {"UNPAID"}
    (stock,) = running_shop.manage("read_stock", load.activity, "--json")
    assert stock["lock"] + stock["sold"] == len(acknowledged)


async def read_states(shop: RunningShop, shoppers: list[Shopper]) -> dict[Shopper, dict[str, str]]:
    """Shopper → order id → state, as each of them sees it."""
    async with ShopClient(shop.base_url, connections=16) as client:
        pages = await asyncio.gather(*(list_orders(client, shopper) for shopper in shoppers))
    return {
        shopper: {order["order_id"]: order["state"] for order in orders}
        for shopper, orders in zip(shoppers, pages, strict=True)
    }
