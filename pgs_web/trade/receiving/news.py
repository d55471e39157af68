"""What changed in the sales that this process keeps in memory: every partition's news, asked for twenty times a second.

Asked, not pushed: a poll that was answered proves that nothing is unheard up to the moment it was sent, it shares one
connection a server, and in a cluster too, where no command reads streams of two slots. It costs Redis a thousandth.

A server that gave no answer, has another address, or answers over another connection (a restart between two polls gives
no error), may be another one than before, to which the last sales and news of the old one never came: then nothing is
known of its partitions. Nor when a poll finds as many news as it takes: older ones may have been trimmed unread, e.g.
while the process stood still.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings

from pgs_data.lua.loader import Command
from pgs_data.redis.async_connections import AsyncServer, CommandRefused
from pgs_data.redis.async_ledger import AWAY, AsyncLedger
from pgs_web.trade.stock.keys import news_key

POLL_SECONDS = 0.05
# What was heard longer ago isn't acted on.
FRESH_SECONDS = 1.0
PAUSE_AFTER_FAILURE_SECONDS = 0.25
# Fewer than the scripts keep (1000): a gap in what was read shows as a full page.
MOST_A_POLL = 500

logger = structlog.get_logger(__name__)


class NewsReader:
    """On one event loop; `on_news` gets the ids of activities that changed, `on_silence` partitions that may have."""

    def __init__(
        self, ledger: AsyncLedger, *, on_news: Callable[[int], None], on_silence: Callable[[int], None]
    ) -> None:
        self._ledger = ledger
        self._on_news = on_news
        self._on_silence = on_silence
        partitions = range(settings.LEDGER_PARTITIONS)
        # None: where the stream ends isn't known yet.
        self._last: list[bytes | None] = [None for _ in partitions]
        self._heard_at = [float("-inf") for _ in partitions]
        self._task: asyncio.Task[None] | None = None
        self._polls: dict[AsyncServer, asyncio.Task[None]] = {}
        self._servers: list[AsyncServer | None] = [None for _ in partitions]
        # Partition → which connection of its server answered last.
        self._connections = [0 for _ in partitions]

    def start(self) -> None:
        """Begins to listen."""
        self._task = asyncio.get_running_loop().create_task(self._listen())

    def close(self) -> None:
        """Stops listening."""
        if self._task is not None:
            self._task.cancel()
        for poll in self._polls.values():
            poll.cancel()

    def heard_at(self, partition: int) -> float:
        """All news of the partition from before this moment (time.monotonic) are known."""
        return self._heard_at[partition]

    def is_fresh(self, partition: int) -> bool:
        """Whether everything older than a second is known."""
        return time.monotonic() - self._heard_at[partition] < FRESH_SECONDS

    def positions(self) -> dict[str, str]:
        """Partition → id of the last entry that was read; empty where it may be old, and nothing is acted on."""
        return {
            str(partition): (last or b"").decode() if self.is_fresh(partition) else ""
            for partition, last in enumerate(self._last)
        }

    async def _listen(self) -> None:
        """Starts a poll of each server that isn't being asked: one that hangs holds up nobody's news but its own."""
        while True:
            by_server: dict[AsyncServer, list[int]] = {}
            for partition, before in enumerate(self._servers):
                server = self._servers[partition] = self._ledger.server_of(partition)
                if server is not before:
                    self._lose(partition)
                by_server.setdefault(server, []).append(partition)
            for server, partitions in by_server.items():
                if server not in self._polls:
                    poll = asyncio.get_running_loop().create_task(self._poll(server, partitions))
                    self._polls[server] = poll
                    poll.add_done_callback(lambda _poll, server=server: self._polls.pop(server))  # type: ignore[misc]
            await asyncio.sleep(POLL_SECONDS)

    async def _poll(self, server: AsyncServer, partitions: list[int]) -> None:
        asked_at = time.monotonic()
        try:
            replies = await server.call([self._question(partition) for partition in partitions])
        except AWAY as error:
            replies = [error] * len(partitions)
        except Exception as error:
            logger.exception("news_not_read")
            replies = [error] * len(partitions)
        for partition, reply in zip(partitions, replies, strict=True):
            if self._servers[partition] is not server:
                continue
            if isinstance(reply, Exception):
                if isinstance(reply, CommandRefused):
                    logger.error("news_not_read", error=str(reply)[:200])
                self._lose(partition)
                continue
            if self._connections[partition] != server.connections:
                self._connections[partition] = server.connections
                # What this reply tells is the end of perhaps another stream.
                self._lose(partition)
                continue
            if not self._take(partition, reply):
                logger.warning("news_too_many", partition=partition)
                self._lose(partition)
                continue
            self._heard_at[partition] = asked_at
        if any(isinstance(reply, Exception) for reply in replies):
            await self._ledger.refresh()
            await asyncio.sleep(PAUSE_AFTER_FAILURE_SECONDS)

    def _lose(self, partition: int) -> None:
        self._last[partition] = None
        self._heard_at[partition] = float("-inf")
        self._on_silence(partition)

    def _question(self, partition: int) -> Command:
        last = self._last[partition]
        if last is None:
            return ("XREVRANGE", news_key(partition), "+", "-", "COUNT", 1)
        return ("XREAD", "COUNT", MOST_A_POLL, "STREAMS", news_key(partition), last)

    def _take(self, partition: int, reply: Any) -> bool:
        """Whether these are all news since the last that were taken."""
        if self._last[partition] is None:
            self._last[partition] = reply[0][0] if reply else b"0-0"
            return True
        for _key, entries in reply or ():
            if len(entries) >= MOST_A_POLL:
                return False
            for entry_id, fields in entries:
                self._last[partition] = entry_id
                found = dict(zip(fields[::2], fields[1::2], strict=True))
                self._on_news(int(found.get(b"a", b"0")))
        return True
