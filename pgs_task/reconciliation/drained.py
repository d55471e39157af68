"""Waits until everything that was admitted before a moment is written down."""

import time
from typing import Any

from pgs_data.locks import Lease
from pgs_data.messaging.backlog import stream_backlog
from pgs_data.redis.connections import ledger
from pgs_task.order_drain.queue import streams_of
from pgs_web.trade.intake.keys import INTAKE_GROUP, intake_key

PAUSE_SECONDS = 0.1
COUNTED = 1000

EntryId = tuple[int, int]


def last_entry(partition: int) -> str | None:
    """Id of the newest entry that the partition's stream ever had; None when it never had one."""
    client = ledger(partition)
    if not client.exists(intake_key(partition)):
        return None
    return str(client.xinfo_stream(intake_key(partition))["last-generated-id"].decode())


def wait_until_drained(partition: int, *, until: str, seconds: float, lease: Lease) -> int:
    """Waits at most so long; returns how many entries up to this one are open, 0 when all are written or rejected.

    Others go on selling in the partition meanwhile: what comes after the entry is not waited for.
    """
    deadline = time.monotonic() + seconds
    while (left := _open_entries(partition, until)) and time.monotonic() < deadline:
        lease.extend()
        time.sleep(PAUSE_SECONDS)
    return left


def _open_entries(partition: int, until: str) -> int:
    """At least the number of entries up to this one that nobody acknowledged."""
    fresh, *later = streams_of(partition)
    # In the order in which orders move: none of them is missed between two looks. What waits for a node may have come
    # after the entry; then so has the trouble of the node, and there is nothing to do but to wait.
    return _open_fresh(partition, fresh, until) + sum(_open_later(partition, stream) for stream in later)


def _open_later(partition: int, stream: str) -> int:
    backlog = stream_backlog(ledger(partition), stream, INTAKE_GROUP)
    return backlog.undelivered + backlog.pending


def _open_fresh(partition: int, stream: str, until: str) -> int:
    client = ledger(partition)
    if not client.exists(stream):
        return 0
    delivered = next(
        (group["last-delivered-id"] for group in client.xinfo_groups(stream) if group["name"] == INTAKE_GROUP.encode()),
        None,
    )
    if delivered is None:
        waiting: Any = client.xrange(stream, max=until, count=COUNTED)
        return len(waiting)
    if _read(delivered.decode()) < _read(until):
        # Entries of others may be among them; what is delivered only moves on, so it is looked at first.
        after: Any = client.xrange(stream, min=f"({delivered.decode()}", max=until, count=COUNTED)
        if after:
            return len(after)
    return len(client.xpending_range(stream, INTAKE_GROUP, min="-", max=until, count=COUNTED))


def _read(entry_id: str) -> EntryId:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)
