"""Whom the addresses of orders belong to: asked of the cache in the same batches as the orders, then of the database.

The cache is written through by whoever adds, lists or removes an address, so an address counts until it is removed and
not a moment longer; a copy in the process would save a microsecond or two an order and give that up.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

import structlog
from django.conf import settings

from pgs_data.redis.async_connections import AsyncServer
from pgs_data.redis.async_ledger import AWAY
from pgs_web.member import keys
from pgs_web.trade.receiving.lookups import Lookup
from pgs_web.trade.receiving.passages import Passage

MOST_A_CALL = 1_000
# While the cache Redis is down, nobody waits for it: the database is asked at once.
BREAK_SECONDS = 1.0
# An order has to be admitted afterwards, all within INTAKE_ANSWER_SECONDS.
LONGEST_SECONDS = 0.3

logger = structlog.get_logger(__name__)

Learn = Callable[[Passage, int | Exception], None]


class AddressOwners:
    """Tells each passage whom its address belongs to, 0 for nobody; on one event loop."""

    def __init__(self, database: Lookup[int, int], *, learn: Learn) -> None:
        """`learn` gets the owner, or the exception to answer with."""
        self._learn = learn
        self._database = database
        self._server = AsyncServer(
            settings.REDIS_URLS["cache"], seconds=min(LONGEST_SECONDS, settings.REDIS_SOCKET_TIMEOUT_SECONDS)
        )
        self._waiting: list[Passage] = []
        self._broken_until = 0.0
        self._task: asyncio.Task[None] | None = None

    def ask(self, passage: Passage) -> None:
        """Looks for the owner of the passage's address."""
        if self._broken_until and time.monotonic() < self._broken_until:
            self._ask_database(passage)
            return
        self._waiting.append(passage)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    def close(self) -> None:
        """Drops the connection."""
        self._server.close()

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_A_CALL], self._waiting[MOST_A_CALL:]
                for passage, owner in zip(batch, await self._recall(batch), strict=True):
                    if owner is None:
                        self._ask_database(passage)
                    else:
                        self._learn(passage, int(owner))
        finally:
            self._task = None

    def _ask_database(self, passage: Passage) -> None:
        self._database.ask(passage.request.address_id, partial(self._learn, passage))

    async def _recall(self, batch: list[Passage]) -> list[bytes | None]:
        try:
            found: list[bytes | None] = await self._server.ask(
                "MGET", *[keys.address_owner(passage.request.address_id) for passage in batch]
            )
        except AWAY as error:
            self._broken_until = time.monotonic() + BREAK_SECONDS
            logger.warning("address_owners_from_database", error=type(error).__name__)
            return [None] * len(batch)
        self._broken_until = 0.0
        return found
