"""A sale played by shoppers: all press the button at once, friends follow links, most pay."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from pgs_task.demo.sale.plan import (
    ASKS_LATER_SHARE,
    BUYING_CONNECTIONS,
    LOOKS_FIRST_SHARE,
    OPENED_SHARE,
    PAYING_CONNECTIONS,
    PAYS_SHARE,
    SHARES_LINK_SHARE,
    WAIT_FOR_LINK_SECONDS,
    Offer,
)
from pgs_task.shoppers.client import ShopClient, Shopper
from pgs_task.shoppers.measurements import Measurements


@dataclass
class OpenOffer:
    """An offer with its activity and the links that its shoppers have shared so far."""

    offer: Offer
    activity_id: str
    links: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def count_openers(self) -> int:
        """How many of its shoppers open a group at once; all of them where nobody can join."""
        if self.offer.group_size == 1:
            return self.offer.shoppers
        return round(self.offer.stock / self.offer.group_size * OPENED_SHARE)

    async def wait_for_link(self, seconds: float) -> str | None:
        """A link that nobody has followed yet, or None when none came in time."""
        try:
            return await asyncio.wait_for(self.links.get(), seconds)
        except TimeoutError:
            return None


@dataclass
class RushResult:
    measurements: Measurements
    accepted: list[str] = field(default_factory=list)
    paid: int = 0


@dataclass(frozen=True)
class Visitor:
    """A shopper at an offer: whether they open a group at once, and their own dice."""

    shopper: Shopper
    opens: bool
    chance: random.Random


class Rush:
    """Plays the shoppers of all offers concurrently; `on_step(name)` is called for every shopper's step."""

    def __init__(self, base_url: str, *, seed: int, on_step: Callable[[str], None]) -> None:
        self.base_url = base_url
        self.seed = seed
        self.on_step = on_step
        self.result = RushResult(Measurements())

    async def play(self, offers: list[OpenOffer], shoppers: list[Shopper]) -> RushResult:
        """Every shopper tries once; comes back when all have bought, been refused or paid."""
        chance = random.Random(self.seed)  # nosec B311: behaviour, not secrets
        visits = [(offer, place < offer.count_openers()) for offer in offers for place in range(offer.offer.shoppers)]
        chance.shuffle(visits)
        measurements = self.result.measurements
        # Who pays must not queue behind those who still press the button: connections of their own.
        async with (
            ShopClient(self.base_url, connections=BUYING_CONNECTIONS, measurements=measurements) as shop,
            ShopClient(self.base_url, connections=PAYING_CONNECTIONS, measurements=measurements) as counter,
        ):
            await asyncio.gather(
                *(
                    self._visit(shop, counter, Visitor(shopper, opens, random.Random(f"{self.seed}:{number}")), offer)  # nosec B311
                    for number, (shopper, (offer, opens)) in enumerate(zip(shoppers, visits, strict=True))
                )
            )
        return self.result

    async def _visit(self, shop: ShopClient, counter: ShopClient, visitor: Visitor, offer: OpenOffer) -> None:
        chance = visitor.chance
        if chance.random() < LOOKS_FIRST_SHARE:
            await shop.call("page", "GET", f"/api/v1/activities/{offer.activity_id}/")
        self.on_step("tried")
        order = await self._order(shop, visitor, offer)
        if order is None:
            return
        order_id, group_id, was_opened = order
        self.on_step("accepted")
        self.result.accepted.append(order_id)
        if was_opened and offer.offer.group_size > 1 and chance.random() < SHARES_LINK_SHARE:
            for _ in range(offer.offer.group_size - 1):
                offer.links.put_nowait(group_id)
        if chance.random() >= PAYS_SHARE:
            return
        paid = await counter.pay(visitor.shopper, order_id)
        if paid.is_ok:
            self.result.paid += 1
            self.on_step("paid")
        if chance.random() < ASKS_LATER_SHARE:
            await counter.get_order(visitor.shopper, order_id)

    async def _order(self, shop: ShopClient, visitor: Visitor, offer: OpenOffer) -> tuple[str, str, bool] | None:
        """(order id, group id, whether it was opened), or None when the shopper was refused."""
        shopper, chance = visitor.shopper, visitor.chance
        patience = 0.0 if visitor.opens else chance.uniform(*WAIT_FOR_LINK_SECONDS)
        while patience and (link := await offer.wait_for_link(patience)) is not None:
            if chance.random() < LOOKS_FIRST_SHARE:
                await shop.call("page", "GET", f"/api/v1/groups/{link}/")
            answer = await shop.place_order_surely(
                shopper, activity_id=offer.activity_id, key=f"join-{shopper.member_id}-{link}", group_id=link
            )
            if answer.is_ok:
                return answer.body["order_id"], link, False
            if answer.code not in ("group_full", "group_closed"):
                return None
        answer = await shop.place_order_surely(
            shopper, activity_id=offer.activity_id, key=f"open-{shopper.member_id}-{offer.activity_id}"
        )
        return (answer.body["order_id"], answer.body["group_id"], True) if answer.is_ok else None
