"""The drain of all partitions in one process: a reader a stream, a writer a data node."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import has_own_redis
from pgs_data.sharding.slots import node_aliases
from pgs_task.order_drain.consuming import PartitionDrain
from pgs_task.order_drain.lanes import NodeLanes
from pgs_web.trade.intake.keys import INTAKE_GROUP, intake_key

log = structlog.get_logger(__name__)

TRIM_EVERY_SECONDS = 10.0
# Names of drains that died without a word; they hold nothing.
FORGET_AFTER_MS = 3_600_000
WATCH_SECONDS = 0.5


class ReaderDied(RuntimeError):
    """A reader thread ended by an error; the process has to be started again."""


@dataclass(frozen=True)
class DrainReport:
    """Orders of the entries that were acknowledged, and entries that were put off (counted each time)."""

    persisted: int
    rejected: int
    put_off: int


def drain_until(stop: threading.Event, *, partitions: Sequence[int]) -> DrainReport:
    """Drains until `stop` is set and the batches in hand are finished; raises ReaderDied.

    Any number of processes may do this at once: Redis gives each entry to one of them, and those of a dead one to the
    others after some seconds.
    """
    with NodeLanes(node_aliases()) as lanes:
        drains = [PartitionDrain(partition, write=lanes.write) for partition in partitions]
        readers = [
            threading.Thread(target=drain.consumer.run, name=f"drain-{drain.partition}", daemon=True)
            for drain in drains
        ]
        for reader in readers:
            reader.start()
        is_well = _watch(stop, readers, partitions)
        for drain in drains:
            drain.consumer.stop()
        for reader in readers:
            reader.join()
    if not is_well:
        raise ReaderDied("A reader thread ended by an error, see the log.")
    return _sum(drains)


def drain_once(*, partitions: Sequence[int]) -> DrainReport:
    """Drains what is there now, in this thread, and returns; what is put off stays pending. Raises RedisUnavailable."""
    drains = [PartitionDrain(partition, block_ms=1) for partition in partitions]
    for drain in drains:
        idle_reads = 0
        # Two: the first read of a stream that nobody has drained yet only makes its consumer group.
        while idle_reads < 2:
            idle_reads = 0 if drain.consumer.run_once() else idle_reads + 1
    return _sum(drains)


def trim_intake(*, partitions: Sequence[int]) -> int:
    """Removes acknowledged entries, never others, from the streams; returns how many.

    Raises RedisUnavailable; when only partitions with a Redis of their own are away, after the others were trimmed.
    """
    removed, outages = 0, []
    for partition in partitions:
        consumer = PartitionDrain(partition).consumer
        try:
            removed += consumer.trim_behind()
            if _has_group(partition):
                consumer.forget_idle_consumers(idle_ms=FORGET_AFTER_MS)
        except RedisUnavailable as error:
            if not has_own_redis(partition):
                # It is the Redis of most others too: each would cost one more timeout.
                raise
            outages.append(error)
    if outages:
        raise outages[0]
    return removed


def _has_group(partition: int) -> bool:
    """Whether any drain has ever read the partition's stream."""
    client, stream = ledger(partition), intake_key(partition)
    return bool(client.exists(stream)) and any(
        group["name"].decode() == INTAKE_GROUP for group in client.xinfo_groups(stream)
    )


def _watch(stop: threading.Event, readers: Sequence[threading.Thread], partitions: Sequence[int]) -> bool:
    """Waits for `stop` and trims meanwhile; False when a reader died."""
    waited = 0.0
    while not stop.wait(WATCH_SECONDS):
        if not all(reader.is_alive() for reader in readers):
            return False
        waited += WATCH_SECONDS
        if waited >= TRIM_EVERY_SECONDS:
            waited = 0.0
            try:
                trim_intake(partitions=partitions)
            except RedisUnavailable as error:
                log.warning("intake_not_trimmed", error=str(error))
    return True


def _sum(drains: Sequence[PartitionDrain]) -> DrainReport:
    return DrainReport(
        persisted=sum(drain.persisted for drain in drains),
        rejected=sum(drain.rejected for drain in drains),
        put_off=sum(drain.put_off for drain in drains),
    )
