"""Shoppers of the money drill: each tells one story over HTTP, and takes no for an answer."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from benchmarks.money.plan import HASTY, STORIES, VARIABLES, Story
from pgs_task.shoppers.client import Answer, ShopClient, Shopper
from pgs_task.shoppers.measurements import Measurements

# Around the moment at which an order's time to pay is over.
AROUND_DEADLINE_SECONDS = 0.6
# How long an order may live on after its time to pay, because the gateway can't close the payment.
CANCELLED_SECONDS = 30

# How long it may take until a group has failed and its shopper is asked for the surcharge; how many of them pay it.
ASKED_SECONDS = 30
PAID_SHARE = 0.7


class Crowd:
    """Tells stories until so many orders were accepted, at most `at_once` at a time."""

    def __init__(
        self,
        base_url: str,
        *,
        shoppers: Sequence[Shopper],
        activities: Mapping[str, Sequence[str]],
        orders: int,
        at_once: int,
        seed: int,
    ) -> None:
        self.told: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.measurements = Measurements()
        self._base_url = base_url
        self._shoppers = shoppers
        self._activities = activities
        self._wanted = orders
        self._at_once = at_once
        self._chance = random.Random(seed)
        self._numbers = count(1)

    async def play(self) -> None:
        """Comes back when the last story is told."""
        async with ShopClient(self._base_url, connections=self._at_once, measurements=self.measurements) as shop:
            stories = self._choose()
            await asyncio.gather(*(self._tell(shop, stories) for _ in range(self._at_once)))

    def _choose(self) -> Iterator[tuple[Story, list[Shopper], str]]:
        weights = [story.percent for story in STORIES]
        while self.accepted.total() < self._wanted:
            (story,) = self._chance.choices(STORIES, weights)
            people = self._chance.sample(self._shoppers, story.orders)
            yield story, people, self._chance.choice(self._activities[story.activity])

    async def _tell(self, shop: ShopClient, stories: Iterator[tuple[Story, list[Shopper], str]]) -> None:
        for story, people, activity_id in stories:
            self.told[story.name] += 1
            await getattr(self, f"_tell_{story.name}")(shop, people, activity_id)

    async def _tell_alone(self, shop: ShopClient, people: list[Shopper], activity_id: str) -> None:
        order = await self._order(shop, "alone", people[0], activity_id, mode="alone")
        if order is not None:
            await self._start_and_pay(shop, people[0], order["order_id"])

    async def _tell_pair(self, shop: ShopClient, people: list[Shopper], activity_id: str) -> None:
        await asyncio.gather(
            *[
                self._start_and_pay(shop, shopper, order_id)
                for shopper, order_id in await self._group(shop, "pair", people, activity_id)
            ]
        )

    async def _tell_half_pair(self, shop: ShopClient, people: list[Shopper], activity_id: str) -> None:
        for shopper, order_id in (await self._group(shop, "half_pair", people, activity_id))[:1]:
            await self._start_and_pay(shop, shopper, order_id)

    async def _tell_lonely(self, shop: ShopClient, people: list[Shopper], activity_id: str) -> None:
        for shopper, order_id in await self._group(shop, "lonely", people, activity_id):
            await self._start_and_pay(shop, shopper, order_id)

    async def _tell_surcharge(self, shop: ShopClient, people: list[Shopper], activity_id: str) -> None:
        order = await self._order(shop, "surcharge", people[0], activity_id, on_lost_seat="alone")
        if order is None:
            return
        await self._start_and_pay(shop, people[0], order["order_id"])
        for _ in range(ASKED_SECONDS):
            if (await shop.get_order(people[0], order["order_id"])).body.get("surcharge"):
                break
            await asyncio.sleep(1)
        # Some think better of it, some come in the last second.
        payment_id = await self._start(shop, people[0], order["order_id"])
        await asyncio.sleep(self._chance.choice([0.0, float(VARIABLES["SURCHARGE_WITHIN_SECONDS"])]))
        if self._chance.random() < PAID_SHARE:
            await self._pay(shop, payment_id)

    async def _tell_unpaid(self, shop: ShopClient, people: list[Shopper], activity_id: str) -> None:
        order = await self._order(shop, "unpaid", people[0], activity_id, mode="alone")
        if order is not None:
            await self._start(shop, people[0], order["order_id"])

    async def _tell_deadline(self, shop: ShopClient, people: list[Shopper], activity_id: str) -> None:
        order = await self._order(shop, "deadline", people[0], activity_id, mode="alone")
        if order is None:
            return
        payment_id = await self._start(shop, people[0], order["order_id"])
        around = self._chance.uniform(-AROUND_DEADLINE_SECONDS, AROUND_DEADLINE_SECONDS)
        await asyncio.sleep(HASTY["pay_within_seconds"] + around)
        await self._pay(shop, payment_id)

    async def _tell_cancel(self, shop: ShopClient, people: list[Shopper], activity_id: str) -> None:
        order = await self._order(shop, "cancel", people[0], activity_id, mode="alone")
        if order is not None:
            payment_id = await self._start(shop, people[0], order["order_id"])
            await asyncio.gather(self._pay(shop, payment_id), self._act(shop, people[0], order["order_id"], "cancel"))

    async def _tell_late_retry(self, shop: ShopClient, people: list[Shopper], activity_id: str) -> None:
        order = await self._order(shop, "late_retry", people[0], activity_id, mode="alone", on_late_payment="retry")
        if order is None:
            return
        payment_id = await self._start(shop, people[0], order["order_id"])
        await asyncio.sleep(HASTY["pay_within_seconds"])
        for _ in range(CANCELLED_SECONDS):
            if (await shop.get_order(people[0], order["order_id"])).body.get("state") == "CANCELLED":
                break
            await asyncio.sleep(1)
        await self._pay(shop, payment_id)

    async def _tell_refund(self, shop: ShopClient, people: list[Shopper], activity_id: str) -> None:
        for shopper, order_id in await self._group(shop, "refund", people, activity_id):
            await self._start_and_pay(shop, shopper, order_id)
            # Several clicks are one wish. The notice may be lost: then there is nothing to give back yet.
            await asyncio.gather(*(self._act(shop, shopper, order_id, "refund-requests") for _ in range(2)))

    async def _group(
        self, shop: ShopClient, name: str, people: Sequence[Shopper], activity_id: str
    ) -> list[tuple[Shopper, str]]:
        """The orders of a group: the first shopper opens it, the others follow the link."""
        orders: list[tuple[Shopper, str]] = []
        group_id = None
        for shopper in people:
            order = await self._order(shop, name, shopper, activity_id, group_id=group_id)
            if order is None:
                break
            group_id = order["group_id"]
            orders.append((shopper, order["order_id"]))
        return orders

    async def _order(
        self, shop: ShopClient, name: str, shopper: Shopper, activity_id: str, **wish: Any
    ) -> dict[str, Any] | None:
        key = f"drill-{next(self._numbers)}"
        answer = await shop.place_order_surely(shopper, activity_id=activity_id, key=key, tries=60, **wish)
        if not answer.is_ok:
            return None
        self.accepted[name] += 1
        return answer.body

    async def _start(self, shop: ShopClient, shopper: Shopper, order_id: str) -> str | None:
        answer = await shop.start_payment(shopper, order_id)
        return str(answer.body["payment_id"]) if answer.is_ok else None

    async def _start_and_pay(self, shop: ShopClient, shopper: Shopper, order_id: str) -> None:
        await self._pay(shop, await self._start(shop, shopper, order_id))

    async def _pay(self, shop: ShopClient, payment_id: str | None) -> None:
        if payment_id is not None:
            # Once: a notice that gets lost stays lost.
            await shop.pay_at_gateway(payment_id, tries=1)

    async def _act(self, shop: ShopClient, shopper: Shopper, order_id: str, act: str) -> Answer:
        return await shop.call(act, "POST", f"/api/v1/orders/{order_id}/{act}/", shopper=shopper)
