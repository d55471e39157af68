"""Activities that are known to be sold out: refused from memory, without a call to Redis.

Sure are: nothing remains, and nothing was given back since, or it would have been news; and the member never bought
here, so that this can't be the repetition of an order that is in. Everybody else goes the full way, and whoever comes
while the news are older than a second. The answer may be another one than the script's where both are a refusal:
sold_out to somebody with a foreign address, an unknown group, or a key that they have used for another order, in or
refused. Nothing is claimed then: once something is given back, the same key is refused as used.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from pgs_data.redis.async_ledger import AWAY, AsyncLedger
from pgs_data.redis.partitions import partitions_of
from pgs_web.trade.intake.services import OrderRequest
from pgs_web.trade.receiving.news import NewsReader
from pgs_web.trade.stock.keys import activity_key, bought_key, stock_key

# Members of all sold-out activities together: about 100 bytes each.
MOST_BUYERS = 1_000_000
MOST_ACTIVITIES = 10_000
BUYERS_A_CALL = 1_000
# Whoever was looked at in vain isn't looked at again at once; where reading took long, not for so many times longer.
PAUSE_SECONDS = 1.0
PAUSE_IN_READS = 20
# The process's clock and the ledger's may differ: near its end an activity is left to the script.
SKEW_MS = 2_000
OPEN_STATES = {b"SCHEDULED", b"RUNNING"}

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SoldOutSale:
    """What is known of an activity of which nothing remains."""

    # Of its stock, or of all buckets of a spread one.
    partitions: tuple[int, ...]
    ends_ms: int
    member_limit: int
    buyers: frozenset[int]


class SoldOutMemory:
    """On one event loop."""

    def __init__(self, ledger: AsyncLedger) -> None:
        """`ledger`: connections that orders don't wait behind."""
        self.news = NewsReader(ledger, on_news=self._forget, on_silence=self._forget_partition)
        self._ledger = ledger
        self._sales: dict[int, SoldOutSale] = {}
        # Activity → when it may be looked at (again).
        self._pauses: dict[int, float] = {}
        self._changes: dict[int, int] = {}
        # One at a time an activity: two would count each other's changes.
        self._looks: dict[int, asyncio.Task[None]] = {}

    def refuses(self, request: OrderRequest) -> bool:
        """Whether the order would surely be refused."""
        sale = self._sales.get(request.activity_id)
        return (
            sale is not None
            and request.member_id not in sale.buyers
            and request.quantity <= sale.member_limit
            and all(map(self.news.is_fresh, sale.partitions))
            and time.time() * 1000 < sale.ends_ms - SKEW_MS
        )

    def suspect(self, activity_id: int) -> None:
        """The script said SOLD_OUT: looks in the background whether nothing remains at all."""
        now = time.monotonic()
        is_looked_at = activity_id in self._sales or activity_id in self._looks
        if is_looked_at or now < self._pauses.get(activity_id, 0.0):
            return
        if len(self._pauses) >= MOST_ACTIVITIES:
            self._pauses.clear()
        self._pauses[activity_id] = now + PAUSE_SECONDS
        look = self._looks[activity_id] = asyncio.get_running_loop().create_task(self._look(activity_id))
        look.add_done_callback(lambda _look: self._looks.pop(activity_id))

    def close(self) -> None:
        """Stops listening and looking."""
        self.news.close()
        for look in self._looks.values():
            look.cancel()

    def _forget(self, activity_id: int) -> None:
        if self._sales.pop(activity_id, None) is not None:
            logger.info("sale_has_news", activity_id=activity_id)
        if activity_id in self._changes:
            self._changes[activity_id] += 1

    def _forget_partition(self, partition: int) -> None:
        for activity_id in {*self._sales, *self._changes}:
            if partition in partitions_of(activity_id):
                self._forget(activity_id)

    async def _look(self, activity_id: int) -> None:
        try:
            partitions = partitions_of(activity_id)
            if not await self._hear_up_to_now(partitions):
                return
            # Counted only while somebody looks.
            self._changes[activity_id] = 0
            started = time.monotonic()
            sale = await self._read(activity_id)
            ended = time.monotonic()
            self._pauses[activity_id] = ended + max(PAUSE_SECONDS, PAUSE_IN_READS * (ended - started))
            # What changed while it was read is news.
            if sale is None or not await self._hear_up_to_now(partitions):
                return
            if self._changes[activity_id] == 0 and len(self._sales) < MOST_ACTIVITIES:
                self._sales[activity_id] = sale
        except AWAY as error:
            logger.warning("sold_out_not_read", activity_id=activity_id, error=type(error).__name__)
        finally:
            self._changes.pop(activity_id, None)

    async def _hear_up_to_now(self, partitions: Sequence[int]) -> bool:
        """Whether all news of these partitions until this moment could be heard; within a second."""
        now = time.monotonic()
        while min(map(self.news.heard_at, partitions)) < now:
            if time.monotonic() > now + PAUSE_SECONDS:
                return False
            await asyncio.sleep(0.01)
        return True

    async def _read(self, activity_id: int) -> SoldOutSale | None:
        """None when something remains, or the sale isn't open, or has too many buyers to remember."""
        most = MOST_BUYERS - sum(len(sale.buyers) for sale in self._sales.values())
        buyers: set[int] = set()
        partitions = partitions_of(activity_id)
        ends_ms = member_limit = 0
        for partition in partitions:
            terms = await self._read_terms(activity_id, partition)
            if terms is None or not await self._add_buyers(activity_id, partition, buyers, most=most):
                return None
            # The same in all buckets, or there are news of them.
            ends_ms, member_limit = terms
        return SoldOutSale(partitions, ends_ms, member_limit, frozenset(buyers))

    async def _read_terms(self, activity_id: int, partition: int) -> tuple[int, int] | None:
        """When the sale ends and the member limit, if it is open and nothing is in this partition, nor on its way."""
        server = self._ledger.server_of(partition)
        state, ends_ms, member_limit = await server.ask(
            "HMGET", activity_key(activity_id, partition), "state", "end_ms", "member_limit"
        )
        if state not in OPEN_STATES or ends_ms is None or member_limit is None:
            return None
        remain, under_way = await server.ask("HMGET", stock_key(activity_id, partition), "remain", "under_way")
        if remain != b"0" or int(under_way or 0):
            return None
        return int(ends_ms), int(member_limit)

    async def _add_buyers(self, activity_id: int, partition: int, buyers: set[int], *, most: int) -> bool:
        """Whether all who ever bought there could be remembered."""
        server, cursor = self._ledger.server_of(partition), b"0"
        while True:
            cursor, page = await server.ask("HSCAN", bought_key(activity_id, partition), cursor, "COUNT", BUYERS_A_CALL)
            buyers.update(map(int, page[::2]))
            if len(buyers) > most:
                return False
            if cursor == b"0":
                return True
