"""Which server a partition's commands go to, on an event loop: one Redis, several, or the nodes of a cluster."""

import asyncio
import time
from operator import attrgetter
from typing import Any

import structlog
from django.conf import settings
from redis.crc import key_slot

from pgs_data.redis.async_connections import AsyncServer, CommandRefused
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.redis.partitions import partition_count, tag

# A cluster whose node has died is asked no more often than this who has its slots now.
REFRESH_SECONDS = 0.2

# No answer, or none that we can use.
AWAY: tuple[type[Exception], ...] = (*RedisUnavailable, CommandRefused)

logger = structlog.get_logger(__name__)


class AsyncLedger:
    """The servers of the ledger; one a process and event loop."""

    def __init__(self) -> None:
        self._main_url: str = settings.REDIS_URLS["ledger"]
        self._main = AsyncServer(self._main_url)
        self.is_cluster = "+cluster://" in self._main_url
        # Partitions of one server share its connection, and the fsync of a round.
        servers = {self._main_url: self._main}
        self._own = {
            number: servers.setdefault(url, AsyncServer(url)) for number, url in settings.LEDGER_PARTITION_URLS.items()
        }
        self._nodes: dict[tuple[str, int], AsyncServer] = {}
        self._by_partition: list[AsyncServer] = [
            self._own.get(partition, self._main) for partition in range(partition_count())
        ]
        self._refreshed_at = float("-inf")
        self._refreshing = asyncio.Lock()

    def server_of(self, partition: int) -> AsyncServer:
        """The server that has the partition, as far as known; in a cluster SlotMoved says that it isn't true."""
        return self._by_partition[partition]

    @property
    def main(self) -> AsyncServer:
        """The server of the keys outside the partitions; not for clusters."""
        return self._main

    async def refresh(self) -> None:
        """Asks the cluster who has which slots, at most every 0.2 s; the old map stays when nobody knows."""
        if not self.is_cluster:
            return
        async with self._refreshing:
            if time.monotonic() - self._refreshed_at < REFRESH_SECONDS:
                return
            for server in sorted({*self._nodes.values(), self._main}, key=attrgetter("failed_at")):
                try:
                    state, ranges = await server.call([("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")])
                    for reply in (state, ranges):
                        if isinstance(reply, Exception):
                            raise reply
                except AWAY as error:
                    logger.warning("cluster_map_not_read", node=server.name, error=type(error).__name__)
                    continue
                # One that is cut off from the others doesn't know who was promoted.
                if b"cluster_state:ok" in state:
                    self._read_map(ranges)
                    break
            self._refreshed_at = time.monotonic()

    def close(self) -> None:
        """Drops all connections."""
        for server in (self._main, *self._own.values(), *self._nodes.values()):
            server.close()

    def _read_map(self, ranges: list[Any]) -> None:
        nodes: dict[tuple[str, int], AsyncServer] = {}
        for partition in range(partition_count()):
            if partition in self._own:
                continue
            slot = key_slot(tag(partition).strip("{}").encode())
            for first, last, primary, *_replicas in ranges:
                if first <= slot <= last:
                    # A node that doesn't know its own address is the one that was asked.
                    address = (primary[0].decode() or self._main.address[0], int(primary[1]))
                    known = nodes.get(address) or self._nodes.get(address)
                    nodes[address] = known or AsyncServer(self._main_url, host=address[0], port=address[1])
                    self._by_partition[partition] = nodes[address]
                    break
        for address, server in self._nodes.items():
            if address not in nodes:
                server.close()
        self._nodes = nodes
