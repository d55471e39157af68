"""Simulated members: what a game's story lets them do is done over HTTP, measured, and judged by what it expects."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgs_task.shoppers.client import POLL_SECONDS, Answer, ShopClient, Shopper
from pgs_task.simulation.journal import Journal
from pgs_web.plays.stories import Order, Reply, StoryEnds
from pgs_web.trade.order.states import OrderState

API = "/api/v1/"
# While the shop can't say yes or no it is asked again.
ASK_AGAIN = frozenset({0, 502, 503, 504})
ASK_AGAIN_CODES = frozenset({"too_many_requests"})
TRIES = 12
# An order is written down within seconds, also on a busy machine.
WRITTEN_TRIES = 60
PAID = frozenset(
    {OrderState.AWAITING_GROUP, OrderState.TO_SHIP, OrderState.SHIPPED, OrderState.COMPLETED, OrderState.REFUNDING}
)
DEVICE_HEADER = "X-Device"


@dataclass
class Household:
    """Where members play from: a network address, and a device that is marked when it is first needed."""

    network: str
    _mark: str = ""
    _marking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def headers(self, shop: ShopClient, journal: Journal, *, shows_device: bool) -> dict[str, str]:
        """What the shop sees of it; a proxy of its own on this machine would say the same."""
        headers = {"X-Forwarded-For": self.network}
        if not shows_device:
            return headers
        async with self._marking:
            if not self._mark:
                answer = await shop.call("device", "POST", f"{API}devices/", headers=headers)
                if not answer.is_ok:
                    journal.complain(f"device: {answer.code}")
                    raise StoryEnds
                self._mark = str(answer.body["device"])
        return {**headers, DEVICE_HEADER: self._mark}


@dataclass
class Person:
    """A customer of the file as a member of the shop."""

    shopper: Shopper
    household: Household
    has_paid: bool = False


@dataclass(frozen=True)
class PlayingMember:
    """A person in one game's story; see pgs_web/plays/stories.py."""

    person: Person
    game: str
    shop: ShopClient
    journal: Journal

    @property
    def member_id(self) -> str:
        return self.person.shopper.member_id

    @property
    def is_new(self) -> bool:
        return not self.person.has_paid

    async def ask(
        self,
        act: str,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        may: Collection[str] = (),
        must: Collection[str] = (),
        signs_in: bool = True,
        shows_device: bool = True,
    ) -> Reply:
        headers = await self.person.household.headers(self.shop, self.journal, shows_device=shows_device)
        shopper = self.person.shopper if signs_in else None
        name = f"{self.game} {act}"
        for attempt in range(TRIES):
            answer = await self.shop.call(name, method, f"{API}{path}", shopper=shopper, body=body, headers=headers)
            if answer.status not in ASK_AGAIN and answer.code not in ASK_AGAIN_CODES:
                break
            await asyncio.sleep(min(0.1 * 2**attempt, 2))
        return self._judge(name, path, answer, may=may, must=must)

    async def order(
        self,
        *,
        activity_id: str,
        key: str,
        mode: str = "alone",
        group_id: str = "",
        entry_pass: str = "",
        may: Collection[str] = (),
        must: Collection[str] = (),
    ) -> Order | None:
        wishes: dict[str, Any] = {"entry_pass": entry_pass} if entry_pass else {}
        answer = await self.shop.place_order_surely(
            self.person.shopper, activity_id=activity_id, key=key, mode=mode, group_id=group_id or None, **wishes
        )
        reply = self._judge(f"{self.game} order", key, answer, may=may, must=must)
        if not reply.is_ok:
            return None
        return Order(
            order_id=str(reply.body["order_id"]),
            group_id=str(reply.body.get("group_id") or ""),
            amount_fen=int(reply.body["amount_fen"]),
        )

    async def use_coupons(self, order: Order, coupon_ids: Sequence[str], *, must: Collection[str] = ()) -> Order:
        await self._wait_until_written(order)
        path = f"orders/{order.order_id}/coupons/"
        # Refused when an earlier session, which was killed, did it and began to pay.
        late = () if must else ("price_fixed", "wrong_state")
        reply = await self.ask("coupons", "POST", path, body={"coupon_ids": list(coupon_ids)}, may=late, must=must)
        if must:
            return order
        if not reply.is_ok:
            reply = await self.ask("coupons", "GET", path)
            used = {str(coupon["coupon_id"]) for coupon in reply.body["coupons"]}
            if used != set(coupon_ids):
                self._fail(f"{self.game} coupons: {order.order_id} has {used or 'none'}")
        return Order(order_id=order.order_id, group_id=order.group_id, amount_fen=int(reply.body["amount_fen"]))

    async def pay(self, order: Order) -> None:
        answer = await self.shop.pay(self.person.shopper, order.order_id)
        if not answer.is_ok:
            # Paid in an earlier session, which was killed before it said so.
            seen = await self.shop.get_order(self.person.shopper, order.order_id)
            if seen.body.get("state") not in PAID:
                self._fail(f"{self.game} pay: {answer.code} for {order.order_id}, {seen.body.get('state')}")
        self.person.has_paid = True
        self.journal.note_paid(self.member_id)

    async def fitting_coupons(self, order: Order) -> list[str]:
        """Ids of what the order could take, those that end first coming first."""
        await self._wait_until_written(order)
        reply = await self.ask("coupons", "GET", f"orders/{order.order_id}/coupons/")
        return [str(coupon["coupon_id"]) for coupon in reply.body["fitting"]]

    async def _wait_until_written(self, order: Order) -> None:
        for attempt in range(WRITTEN_TRIES):
            seen = await self.shop.get_order(self.person.shopper, order.order_id)
            if seen.is_ok and seen.body["state"] != OrderState.ACCEPTED:
                return
            await asyncio.sleep(POLL_SECONDS[min(attempt, len(POLL_SECONDS) - 1)])
        self._fail(f"{self.game} order: {order.order_id} isn't written down")

    def _judge(self, name: str, what: str, answer: Answer, *, may: Collection[str], must: Collection[str]) -> Reply:
        if answer.code not in must if must else not (answer.is_ok or answer.code in may):
            self._fail(f"{name}: {answer.code} ({what})")
        return Reply(code=answer.code, is_ok=answer.is_ok, body=answer.body)

    def _fail(self, text: str) -> None:
        self.journal.complain(text)
        raise StoryEnds
