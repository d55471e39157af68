"""The drain of all partitions in one process: a reader a stream of fresh orders, one a node for those that waited."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from pgs_data.redis.connections import RedisUnavailable
from pgs_data.redis.partitions import has_own_redis
from pgs_data.sharding.slots import node_aliases
from pgs_task.order_drain.dispatcher import Dispatcher
from pgs_task.order_drain.queue import OrderQueue, trim_intake

log = structlog.get_logger(__name__)

TRIM_EVERY_SECONDS = 10.0
WATCH_SECONDS = 0.5
# How often a process looks whether anything waits for a node.
LATER_LOOK_SECONDS = 0.5


class ReaderDied(RuntimeError):
    """A thread ended by an error; the process has to be started again."""


@dataclass(frozen=True)
class DrainReport:
    """Orders that this process got acknowledged, and orders that were put off (counted each time)."""

    persisted: int
    rejected: int
    put_off: int


def drain_until(stop: threading.Event, *, partitions: Sequence[int]) -> DrainReport:
    """Drains until `stop` is set and the batches in hand are finished; raises ReaderDied.

    Any number of processes may do this at once, and come and go: Redis gives each entry to one of them, and those of a
    dead one to the others after some seconds.
    """
    with Dispatcher(node_aliases()) as dispatcher:
        fresh = [_fresh_queue(partition, dispatcher, stop) for partition in partitions]
        later = {alias: _later_queues(alias, dispatcher, partitions) for alias in node_aliases()}
        readers = [
            *(
                threading.Thread(target=queue.consumer.run, name=f"drain-{queue.partition}", daemon=True)
                for queue in fresh
            ),
            *(
                threading.Thread(
                    target=_drain_later, args=(stop, dispatcher, alias, queues), name=f"later-{alias}", daemon=True
                )
                for alias, queues in later.items()
            ),
        ]
        for reader in readers:
            reader.start()
        is_well = _watch(stop, readers, dispatcher, partitions)
        stop.set()
        for queue in fresh:
            queue.consumer.stop()
        for reader in readers:
            reader.join()
    if not is_well:
        raise ReaderDied("A thread ended by an error, see the log.")
    return _sum([*fresh, *(queue for queues in later.values() for queue in queues)])


def drain_once(*, partitions: Sequence[int], claim_idle_ms: int = 5000) -> DrainReport:
    """Drains what is there now, in this thread, and returns; what is put off stays. Raises RedisUnavailable."""
    queues = [
        OrderQueue(partition, node=node, block_ms=1, claim_idle_ms=claim_idle_ms)
        for partition in partitions
        for node in (None, *node_aliases())
    ]
    for queue in queues:
        if queue.node is None or queue.exists():
            _read_out(queue)
    return _sum(queues)


def _read_out(queue: OrderQueue) -> None:
    idle_reads = 0
    # Two: the first read of a stream that nobody has drained yet only makes its consumer group.
    while idle_reads < 2:
        idle_reads = 0 if queue.consumer.run_once() else idle_reads + 1


def _fresh_queue(partition: int, dispatcher: Dispatcher, stop: threading.Event) -> OrderQueue:
    def wait_for_room(had_work: bool) -> int:
        # Once stopped, nobody waits for room: what is in hand is finished.
        return dispatcher.wait_for_room(str(partition), had_work=had_work, until=stop.is_set)

    return OrderQueue(partition, write=dispatcher.write, wait_for_room=wait_for_room)


def _later_queues(alias: str, dispatcher: Dispatcher, partitions: Sequence[int]) -> list[OrderQueue]:
    return [
        OrderQueue(
            partition,
            node=alias,
            write=partial(dispatcher.write, patient_with=alias),
            wait_for_room=lambda had_work: dispatcher.lanes[alias].width.value,
            block_ms=1,
        )
        for partition in partitions
    ]


def _drain_later(stop: threading.Event, dispatcher: Dispatcher, alias: str, queues: Sequence[OrderQueue]) -> None:
    """Brings a node what waited for it, one partition after the other, while it answers."""
    while not stop.is_set():
        read = 0
        for queue in queues:
            if stop.is_set() or dispatcher.lanes[alias].is_away:
                break
            try:
                if queue.exists():
                    read += queue.consumer.run_once()
            except RedisUnavailable as error:
                log.warning("later_unreachable", node=alias, partition=queue.partition, error=str(error))
                if not has_own_redis(queue.partition):
                    # It is the Redis of most others too: each would cost one more timeout.
                    break
        if not read:
            stop.wait(LATER_LOOK_SECONDS)
    for queue in queues:
        queue.consumer.leave()


def _watch(
    stop: threading.Event, readers: Sequence[threading.Thread], dispatcher: Dispatcher, partitions: Sequence[int]
) -> bool:
    """Waits for `stop` and trims meanwhile; False when a thread died."""
    waited = 0.0
    while not stop.wait(WATCH_SECONDS):
        if not all(reader.is_alive() for reader in readers) or not dispatcher.is_well():
            return False
        waited += WATCH_SECONDS
        if waited >= TRIM_EVERY_SECONDS:
            waited = 0.0
            try:
                trim_intake(partitions=partitions)
            except RedisUnavailable as error:
                log.warning("intake_not_trimmed", error=str(error))
    return True


def _sum(queues: Sequence[OrderQueue]) -> DrainReport:
    return DrainReport(
        persisted=sum(queue.persisted for queue in queues),
        rejected=sum(queue.rejected for queue in queues),
        put_off=sum(queue.put_off for queue in queues),
    )
