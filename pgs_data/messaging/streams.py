"""A consumer of one Redis stream: each entry is handled at least once, whoever dies in between."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import redis
import structlog
from django.db import close_old_connections

from pgs_data.lua.loader import Script
from pgs_data.messaging.bisecting import handle_batch
from pgs_data.messaging.entries import Entry, entries_of_answer, read_entries, unique_consumer_name
from pgs_data.messaging.pauses import pause_after
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.redis.replicas import Barrier

__all__ = ["Ack", "Entry", "EntryHandler", "SetAside", "StreamConsumer", "unique_consumer_name"]

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_OF_NEW_SECONDS = 0.5

_remove_idle_consumers = Script.load("pgs_data", "remove_idle_consumers")
_trim_behind_groups = Script.load("pgs_data", "trim_behind_groups")


EntryHandler = Callable[[Sequence[Entry]], None]
SetAside = Callable[[Entry, str], None]
Ack = Callable[[Sequence[Entry]], None]


class StreamConsumer:
    """Reads a stream for a group: own unanswered entries and those of dead consumers first, in turns with new ones.

    `client` must wait longer than block_ms (`connections.blocking`). `handler` gets entries in batches; it may get an
    entry again after a crash, or while still busy with it for more than claim_idle_ms: its effect must be repeatable.
    RetryLater and outages leave entries pending, to be claimed again after claim_idle_ms. Any other exception is
    bisected to the entry that causes it, which goes to set_aside(entry, reason) and is acknowledged. `ack` replaces
    the plain XACK. `before_read` may wait, and set batch_size. `mark`: entries are handled only once the
    awaited replicas of the server that has this key have them (pgs_data/redis/replicas.py). One consumer belongs to one
    thread; stop() may be called from anywhere.
    """

    def __init__(
        self,
        client: redis.Redis,
        stream: str,
        group: str,
        consumer_name: str,
        handler: EntryHandler,
        *,
        batch_size: int,
        block_ms: int,
        claim_idle_ms: int,
        set_aside: SetAside,
        ack: Ack | None = None,
        before_read: Callable[[], None] = lambda: None,
        mark: str = "",
    ) -> None:
        if batch_size < 1 or block_ms < 1 or claim_idle_ms < 1:
            # BLOCK 0 would wait forever, and neither stop nor claim.
            raise ValueError("batch_size, block_ms and claim_idle_ms must be 1 or more.")
        _refuse_impatient(client, block_ms)
        self.client = client
        self.stream = stream
        self.group = group
        self.consumer_name = consumer_name
        self.handler = handler
        self.batch_size = batch_size
        self.block_ms = block_ms
        self.claim_idle_ms = claim_idle_ms
        self.set_aside = set_aside
        self.ack: Ack = ack or self._acknowledge
        self.before_read = before_read
        self.mark = mark
        self._stop = threading.Event()
        # Where to go on reading what was delivered to this name and not answered; None when all of it was seen.
        self._own_after: str | None = "0"
        self._claim_after = "0-0"
        self._old_at = 0.0
        self._is_turn_of_old = True
        # Batches in a row of which not one entry could be handled, for new and for old ones.
        self._put_off = {"new": 0, "old": 0}

    def run(self) -> None:
        """Consumes until stop(); waits out a Redis that is away; raises what isn't an outage of Redis."""
        failures = 0
        while not self._stop.is_set():
            try:
                self.run_once()
                failures = 0
            except RedisUnavailable as error:
                failures += 1
                # The answer that was lost may have delivered entries to us: they are found in our own pending list.
                self._own_after, self._old_at = "0", 0.0
                log.warning("stream_unreachable", stream=self.stream, failures=failures, error=str(error))
                self._stop.wait(
                    pause_after(failures, first_seconds=FIRST_PAUSE_SECONDS, longest_seconds=LONGEST_PAUSE_SECONDS)
                )
        self.leave()

    def stop(self) -> None:
        """Asks run() to return after the batch in hand, within block_ms when idle."""
        self._stop.set()

    def run_once(self) -> int:
        """One read and its handling; returns the number of entries read, 0 after block_ms without any."""
        self.before_read()
        barrier = Barrier(self.client, mark=self.mark) if self.mark else None
        try:
            age, entries = self._next_entries()
        except redis.ResponseError as error:
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            # First start, or the stream was removed while we waited for it. From 0: what came before the group counts.
            self._create_group()
            return 0
        if entries:
            if barrier is not None:
                barrier.wait()
            self._handle(entries, age=age)
        return len(entries)

    def trim_behind(self) -> int:
        """Removes entries that every group has acknowledged, never others; returns how many."""
        return int(_trim_behind_groups(self.client, keys={"stream": self.stream}))

    def forget_idle_consumers(self, *, idle_ms: int) -> int:
        """Removes names of this group that have nothing pending and were silent for idle_ms; returns how many."""
        return int(self._remove_consumers(name="", idle_ms=idle_ms))

    def _next_entries(self) -> tuple[str, list[Entry]]:
        # In turns: while a node is down thousands may be pending, and each look at them may cost a timeout. New
        # entries, which may be another node's, mustn't queue behind them.
        if self._is_turn_of_old and time.monotonic() >= self._old_at:
            entries = self._read_own() or self._claim()
            if entries:
                self._is_turn_of_old = False
                return "old", entries
        self._is_turn_of_old = True
        return "new", self._read(">")

    def _read_own(self) -> list[Entry]:
        if self._own_after is None:
            return []
        entries = self._read(self._own_after)
        self._own_after = entries[-1].id if entries else None
        return self._without_lost(entries)

    def _read(self, after: str) -> list[Entry]:
        has_old = self._own_after is not None or self._claim_after != "0-0"
        # Own pending entries are answered at once; waiting for new ones while old ones are due would be idle.
        block = None if after != ">" or (has_old and time.monotonic() >= self._old_at) else self.block_ms
        answer = self.client.xreadgroup(
            self.group, self.consumer_name, {self.stream: after}, count=self.batch_size, block=block
        )
        return entries_of_answer(answer)

    def _claim(self) -> list[Entry]:
        # Dying here: the claimed entries are ours, and are claimed from us by others after claim_idle_ms.
        answer = self.client.xautoclaim(
            self.stream,
            self.group,
            self.consumer_name,
            min_idle_time=self.claim_idle_ms,
            start_id=self._claim_after,
            count=self.batch_size,
        )
        cursor, pairs, *deleted = cast(Any, answer)
        self._claim_after = cursor.decode()
        if self._claim_after == "0-0":
            self._old_at = time.monotonic() + self.claim_idle_ms / 2000
        if deleted and deleted[0]:
            self._report_lost([identity.decode() for identity in deleted[0]])
        return self._without_lost(read_entries(pairs))

    def _handle(self, entries: list[Entry], *, age: str) -> None:
        # A worker lives for weeks: a database connection that broke or grew old is replaced before it is needed.
        close_old_connections()
        # Dying before an ack repeats the entries; dying after it has nothing left to do.
        outcome = handle_batch(entries, self.handler, on_done=self.ack)
        for entry, error in outcome.poisoned:
            self._set_aside(entry, error)
        if outcome.put_off:
            log.warning(
                "stream_entries_put_off", stream=self.stream, count=len(outcome.put_off), reason=outcome.put_off[0][1]
            )
        if len(outcome.put_off) < len(entries):
            self._put_off[age] = 0
            return
        # Whatever is missing needs time. Old entries leave that time to the new ones.
        self._put_off[age] += 1
        longest = LONGEST_PAUSE_SECONDS if age == "old" else LONGEST_PAUSE_OF_NEW_SECONDS
        pause = pause_after(self._put_off[age], first_seconds=FIRST_PAUSE_SECONDS, longest_seconds=longest)
        if age == "old":
            self._old_at = max(self._old_at, time.monotonic() + pause)
        else:
            self._stop.wait(pause)

    def _set_aside(self, entry: Entry, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        try:
            self.set_aside(entry, reason)
        except RedisUnavailable:
            raise
        except Exception:
            # It stays pending and comes again: an entry is acknowledged only when it is safe somewhere else.
            log.exception("stream_entry_not_set_aside", stream=self.stream, entry=entry.id, reason=reason)
            return
        log.error("stream_entry_set_aside", stream=self.stream, entry=entry.id, reason=reason, exc_info=error)
        self.ack([entry])

    def _acknowledge(self, entries: Sequence[Entry]) -> None:
        self.client.xack(self.stream, self.group, *[entry.id for entry in entries])

    def _without_lost(self, entries: list[Entry]) -> list[Entry]:
        """Entries that still exist; a pending one that was trimmed has no fields, and nobody can handle it any more."""
        lost = [entry for entry in entries if not entry.fields]
        if lost:
            self._report_lost([entry.id for entry in lost])
            self._acknowledge(lost)
        return [entry for entry in entries if entry.fields]

    def _report_lost(self, ids: list[str]) -> None:
        log.error("stream_entries_trimmed_while_pending", stream=self.stream, group=self.group, entries=ids)

    def _create_group(self) -> None:
        try:
            self.client.xgroup_create(self.stream, self.group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _remove_consumers(self, *, name: str, idle_ms: int) -> int:
        return int(
            _remove_idle_consumers(
                self.client,
                keys={"stream": self.stream},
                args={"group": self.group, "consumer": name, "idle_ms": idle_ms},
            )
        )

    def leave(self) -> None:
        """Removes this consumer's name from the group, when it has nothing pending; run() does it at its end."""
        try:
            self._remove_consumers(name=self.consumer_name, idle_ms=0)
        except redis.RedisError as error:
            # Only a name is left behind; forget_idle_consumers finds it.
            log.info("stream_consumer_name_left", stream=self.stream, error=str(error))


def _refuse_impatient(client: redis.Redis, block_ms: int) -> None:
    socket_timeout = client.get_connection_kwargs().get("socket_timeout")
    if socket_timeout is not None and socket_timeout <= block_ms / 1000:
        raise ValueError(
            f"This client gives up after {socket_timeout} s but the server may answer after {block_ms} ms:"
            f" use pgs_data.redis.connections.blocking(role, partition, block_ms={block_ms})."
        )
