"""Plays invoice lines as shoppers: a line is an order that opens or joins a group and is paid; a line of a cancelled
invoice takes an earlier order back."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pgs_task.replay.bookmark import Bookmark
from pgs_task.replay.invoice import InvoiceLine
from pgs_task.shoppers.client import Answer, ShopClient, Shopper

LINES_IN_FLIGHT = 48
# Tries of a take-back while the order is still in the stream or its payment is on its way through the outbox.
TAKE_BACK_TRIES = 20


@dataclass
class Cast:
    """Who plays where: shoppers by customer, activities by product code."""

    shoppers: Mapping[str, Shopper]
    activities: Mapping[str, str]
    group_size: int


@dataclass
class Tally:
    """What became of the lines of this session."""

    played: int = 0
    accepted: int = 0
    paid: int = 0
    cancelled: int = 0
    refunds_requested: int = 0
    set_aside: Counter[str] = field(default_factory=Counter)


class Player:
    """Plays lines with a bounded number in flight. `stop()` ends it politely: what was begun is finished."""

    def __init__(
        self,
        *,
        shop: ShopClient,
        cast: Cast,
        bookmark: Bookmark,
        speed: float | None,
        taken_back: frozenset[str],
        pay_percent: int,
        on_line: Callable[[Tally], None],
    ) -> None:
        self.shop = shop
        self.cast = cast
        self.bookmark = bookmark
        self.speed = speed
        self.taken_back = taken_back
        self.pay_percent = pay_percent
        self.on_line = on_line
        self.tally = Tally()
        self.is_stopping = False
        self._places = asyncio.Semaphore(LINES_IN_FLIGHT)
        # Customer and product → the line in flight: a take-back waits for the order before it.
        self._latest: dict[str, asyncio.Task[None]] = {}

    def stop(self) -> None:
        """No new line is begun."""
        self.is_stopping = True

    async def play(self, lines: Iterable[InvoiceLine]) -> Tally:
        """Plays all lines that the bookmark doesn't have yet; raises what a line's playing raised."""
        saver = asyncio.create_task(self.bookmark.save_often())
        try:
            async with asyncio.TaskGroup() as group:
                await self._begin_lines(lines, group)
        finally:
            saver.cancel()
            self.bookmark.save()
        return self.tally

    async def _begin_lines(self, lines: Iterable[InvoiceLine], group: asyncio.TaskGroup) -> None:
        started = time.monotonic()
        first_line: InvoiceLine | None = None
        for line in lines:
            if self.is_stopping:
                break
            if self.bookmark.is_done(line.number):
                continue
            first_line = first_line or line
            if self.speed:
                due = started + (line.time - first_line.time).total_seconds() / self.speed
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._places.acquire()
            key = line.thread_key
            self._latest[key] = group.create_task(self._play_line(line, self._latest.get(key)))

    async def _play_line(self, line: InvoiceLine, earlier: asyncio.Task[None] | None) -> None:
        try:
            if earlier is not None:
                await asyncio.wait([earlier])
            await (self._take_back(line) if line.is_cancellation else self._buy(line))
            self.bookmark.finish_line(line.number)
        finally:
            self._places.release()
            if self._latest.get(line.thread_key) is asyncio.current_task():
                del self._latest[line.thread_key]
        self.tally.played += 1
        self.on_line(self.tally)

    async def _buy(self, line: InvoiceLine) -> None:
        shopper = self.cast.shoppers[line.customer]
        answer = await self._order(line, shopper)
        if not answer.is_ok:
            return
        order_id = answer.body["order_id"]
        self.tally.accepted += 1
        if line.thread_key in self.taken_back:
            self.bookmark.orders[line.thread_key].append(order_id)
        # By the line's number, so that a resumed session decides the same.
        if line.number % 100 >= self.pay_percent:
            return
        if (await self.shop.pay(shopper, order_id)).is_ok:
            self.tally.paid += 1

    async def _order(self, line: InvoiceLine, shopper: Shopper) -> Answer:
        """Joins by the first link of somebody else, as often as links turn out full or closed; else opens a group."""
        activity_id = self.cast.activities[line.code]
        links = self.bookmark.links[line.code]
        for attempt in itertools.count():
            link = next((candidate for candidate in links if candidate[1] != line.customer), None)
            if link is not None:
                links.remove(link)
            answer = await self.shop.place_order_surely(
                shopper,
                activity_id=activity_id,
                # A try has a key of its own: the same key with another group would be another body.
                key=f"{self.bookmark.run}-{line.number}-{attempt}",
                quantity=line.quantity,
                group_id=link[0] if link else None,
            )
            if answer.code == "idempotency_key_reused":
                # A session that was killed had sent this line with another link; its order lapses unpaid.
                self.tally.set_aside["in flight when an earlier session was killed"] += 1
            if link is None or answer.code not in ("group_full", "group_closed", "already_in_group"):
                break
        if answer.is_ok and link is None:
            links.extend([(answer.body["group_id"], line.customer)] * (self.cast.group_size - 1))
        return answer

    async def _take_back(self, line: InvoiceLine) -> None:
        orders = self.bookmark.orders.get(line.thread_key)
        if not orders:
            self.tally.set_aside["cancellation without an order"] += 1
            return
        shopper = self.cast.shoppers[line.customer]
        order_id = orders.pop()
        cancelled = await self.shop.call("cancel", "POST", f"/api/v1/orders/{order_id}/cancel/", shopper=shopper)
        if cancelled.is_ok:
            self.tally.cancelled += 1
            return
        for attempt in range(TAKE_BACK_TRIES):
            refund = await self.shop.call(
                "refund request", "POST", f"/api/v1/orders/{order_id}/refund-requests/", shopper=shopper, body={}
            )
            if refund.is_ok:
                self.tally.refunds_requested += 1
                return
            if refund.status == 409 and (await self.shop.get_order(shopper, order_id)).body.get("state") in FINAL:
                break
            await asyncio.sleep(min(0.1 * 2**attempt, 2))
        self.tally.set_aside["cancellation of an order that was already shipped or ended"] += 1


FINAL = frozenset({"SHIPPED", "COMPLETED", "CANCELLED", "REFUNDING", "REFUNDED", "REJECTED"})
