"""The streams of a partition's orders: fresh ones as they were admitted, and those that wait for a node.

Within a stream first in, first out. Any number of processes read the same streams; Redis gives each entry to one.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog

from pgs_data.messaging.entries import read_entries
from pgs_data.messaging.errors import RetryLater
from pgs_data.messaging.streams import Entry, StreamConsumer, unique_consumer_name
from pgs_data.redis.connections import RedisUnavailable, blocking, ledger
from pgs_data.redis.partitions import has_own_redis
from pgs_data.redis.replicas import mark_key
from pgs_data.sharding.slots import node_aliases
from pgs_task.order_drain.facts import read_facts
from pgs_task.order_drain.keys import later_key
from pgs_task.order_drain.persisting import WriteParts, write_in_turn
from pgs_task.order_drain.scripts import EntryVerdict, ack_entries
from pgs_task.order_drain.service import count_put_off, stays, write_entries
from pgs_web.trade.intake.keys import INTAKE_GROUP, intake_key

log = structlog.get_logger(__name__)

ORDERS_A_BATCH = 500
ENTRIES_A_LOOK = 100
BLOCK_MS = 1000
# An entry whose drain is silent for so long is taken over. A batch takes a tenth of it; taking over too early only
# costs the look at rows that are there.
CLAIM_IDLE_MS = 5000
# Fewer orders in a batch say nothing about how many a second there could be.
MEASURED_FROM = 20
# What an entry is expected to hold before one was seen: too many make the first batch small, too few make it large.
FIRST_ENTRY = 50
# Of the orders an entry is expected to hold, what the newest batch counts.
NEWEST = 0.5
# Names of drains that died without a word; they hold nothing.
FORGET_AFTER_MS = 3_600_000


class OrderQueue:
    """One stream of a partition; belongs to one thread. `persisted`, `rejected` and `put_off` count its orders.

    `node` None: the fresh orders; what waits for a node then moves on to that node's own stream. `wait_for_room` is
    called before each read with whether the one before found anything, and says how many orders to read.
    """

    def __init__(
        self,
        partition: int,
        *,
        node: str | None = None,
        write: WriteParts = write_in_turn,
        wait_for_room: Callable[[bool], int] = lambda had_work: ORDERS_A_BATCH,
        block_ms: int = BLOCK_MS,
        claim_idle_ms: int = CLAIM_IDLE_MS,
    ) -> None:
        self.partition = partition
        self.node = node
        self.stream = intake_key(partition) if node is None else later_key(partition, node)
        self.persisted = 0
        self.rejected = 0
        self.put_off = 0
        self._write = write
        self._wait_for_room = wait_for_room
        self._rate = 0
        self._orders_an_entry = float(FIRST_ENTRY)
        # True at first: until they have looked, all readers are expected to find something.
        self._had_work = True
        # Between the writing of entries and their acknowledgement.
        self._verdicts: dict[str, EntryVerdict] = {}
        self.consumer = StreamConsumer(
            blocking("ledger", partition, block_ms=block_ms),
            self.stream,
            INTAKE_GROUP,
            unique_consumer_name("drain"),
            self._handle,
            batch_size=ORDERS_A_BATCH,
            block_ms=block_ms,
            claim_idle_ms=claim_idle_ms,
            set_aside=self._keep,
            ack=self._acknowledge,
            before_read=self._fit_batch,
            # A row of an order that a failover of the ledger forgets would be an order that nothing is held for.
            mark=mark_key(partition),
        )

    def exists(self) -> bool:
        """Whether anything was ever in the stream."""
        return bool(ledger(self.partition).exists(self.stream))

    def trim(self) -> int:
        """Removes acknowledged entries, never others, and the names of dead drains; returns how many entries."""
        removed = self.consumer.trim_behind()
        if self._has_group():
            self.consumer.forget_idle_consumers(idle_ms=FORGET_AFTER_MS)
        return removed

    def _fit_batch(self) -> None:
        self.consumer.batch_size = max(1, int(self._wait_for_room(self._had_work) / self._orders_an_entry))
        self._had_work = False

    def _handle(self, entries: Sequence[Entry]) -> None:
        """Writes what can be written; raises RetryLater for the entries that stay as they are."""
        started = time.monotonic()
        self._had_work = True
        batch = write_entries(entries, partition=self.partition, write=self._write)
        orders = sum(_count(verdict) for verdict in batch.verdicts.values())
        self._orders_an_entry += NEWEST * (max(1.0, orders / len(entries)) - self._orders_an_entry)
        persisted = sum(verdict.persisted for verdict in batch.verdicts.values())
        if persisted >= MEASURED_FROM:
            self._rate = int(persisted / max(time.monotonic() - started, 0.001))
        self.put_off += count_put_off(batch)
        pending = dict(batch.unread)
        for entry_id, verdict in batch.verdicts.items():
            if stays(verdict, node=self.node):
                pending[entry_id] = f"waits for {self.node}"
            else:
                self._verdicts[entry_id] = verdict
        if pending:
            raise RetryLater(next(iter(pending.values())), only=pending)

    def _acknowledge(self, entries: Sequence[Entry]) -> None:
        # Dying before it repeats the batch, which finds its rows; dying after it has nothing left to do.
        verdicts = {entry.id: self._verdicts[entry.id] for entry in entries}
        counted = ack_entries(partition=self.partition, source=self.stream, verdicts=verdicts, rate=self._rate)
        self._rate = 0
        self.persisted += counted.persisted
        self.rejected += counted.rejected
        if counted.moved:
            log.warning("orders_wait_for_node", partition=self.partition, source=self.stream, orders=counted.moved)
        for entry_id in verdicts:
            del self._verdicts[entry_id]

    def _keep(self, entry: Entry, reason: str) -> None:
        """An error that nobody foresaw is ours, not the entry's: what was promised to a shopper stays pending."""
        raise RetryLater(f"entry {entry.id} stays pending: {reason}")

    def _has_group(self) -> bool:
        """Whether any drain has ever read the stream."""
        client = ledger(self.partition)
        return bool(client.exists(self.stream)) and any(
            group["name"].decode() == INTAKE_GROUP for group in client.xinfo_groups(self.stream)
        )


def streams_of(partition: int) -> list[str]:
    """Every stream that orders of the partition can be in: where they are admitted first."""
    return [intake_key(partition), *(later_key(partition, node) for node in node_aliases())]


def read_open_orders(partition: int) -> set[int]:
    """Ids of all orders in the streams of the partition, acknowledged ones that aren't trimmed among them; costs them.

    An order that moves on meanwhile is found where it was or where it went. Raises LaterVersion: whoever counts has to
    be as new as what appends.
    """
    found: set[int] = set()
    for stream in streams_of(partition):
        after = "-"
        while pairs := ledger(partition).xrange(stream, min=after, count=ENTRIES_A_LOOK):
            entries = read_entries(cast(Any, pairs))
            for entry in entries:
                facts = read_facts(entry.fields)
                found.update(one.id for one in facts.fit)
                found.update(one.order_id for one in facts.unfit if one.order_id is not None)
            after = f"({entries[-1].id}"
    return found


def trim_intake(*, partitions: Sequence[int]) -> int:
    """Removes acknowledged entries, never others, from all streams; returns how many.

    Raises RedisUnavailable; when only partitions with a Redis of their own are away, after the others were trimmed.
    """
    removed, outages = 0, []
    for partition in partitions:
        try:
            removed += sum(OrderQueue(partition, node=node).trim() for node in (None, *node_aliases()))
        except RedisUnavailable as error:
            if not has_own_redis(partition):
                # It is the Redis of most others too: each would cost one more timeout.
                raise
            outages.append(error)
    if outages:
        raise outages[0]
    return removed


def _count(verdict: EntryVerdict) -> int:
    return verdict.persisted + len(verdict.rejected) + sum(map(len, verdict.left.values()))
