"""Makes 63-bit ids that carry their slot and their age; see layout.py for the bits."""

import os
import secrets
import threading
from time import monotonic, sleep, time_ns

from pgs_data.ids.errors import IdSourceUnavailable, InvalidId
from pgs_data.ids.layout import IDS_A_MILLISECOND, IdParts, pack_id, parse_id, time_of_id
from pgs_data.ids.machine_number import SPAN_MS, ReservedSpan, reserve_span
from pgs_data.sharding.slots import SLOT_COUNT

__all__ = ["IdSourceUnavailable", "InvalidId", "new_id", "new_ids", "parse_id", "time_of_id"]

# After the ledger failed, callers fail at once for so long, else each of a queue would wait for a timeout of its own.
RETRY_PAUSE_SECONDS = 0.5


class IdSource:
    """One process's source of ids: up to 512 a millisecond over all slots, never one twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = secrets.token_hex(16)
        self._span: ReservedSpan | None = None
        self._renew_at = 0.0
        self._retry_at = 0.0
        self._last_ms = 0
        self._next_sequence = 0

    def new_ids(self, *, slot: int, count: int) -> list[int]:
        """`count` ascending ids of the slot; raises InvalidId for a wrong slot or count, IdSourceUnavailable."""
        if not 0 <= slot < SLOT_COUNT or count < 0:
            raise InvalidId(f"Slots are 0..{SLOT_COUNT - 1} and counts not negative, got {slot} and {count}.")
        ids: list[int] = []
        with self._lock:
            while len(ids) < count:
                unix_ms, machine, sequence = self._advance()
                taken = min(count - len(ids), IDS_A_MILLISECOND - sequence)
                first = pack_id(IdParts(slot=slot, unix_ms=unix_ms, machine=machine, sequence=sequence))
                ids += range(first, first + taken)
                self._next_sequence = sequence + taken
        return ids

    def _advance(self) -> tuple[int, int, int]:
        """Millisecond, machine number and first free sequence number of the next id."""
        unix_ms = self._next_ms()
        # The clock was read before the span is looked at: a pause in between can't carry an id out of the span.
        span = self._span_for(unix_ms)
        unix_ms = max(unix_ms, span.first_ms)
        if unix_ms != self._last_ms:
            self._last_ms, self._next_sequence = unix_ms, 0
        return unix_ms, span.number, self._next_sequence

    def _next_ms(self) -> int:
        """Now, or the last id's millisecond while the clock is behind it; never one whose sequence is used up."""
        now = clock_ms()
        if now > self._last_ms:
            return now
        if self._next_sequence < IDS_A_MILLISECOND:
            return self._last_ms
        if now == self._last_ms:
            sleep(0.001)
        # A clock that went back by an hour must not stop the shop for an hour: count on, as far as the span reaches.
        return max(clock_ms(), self._last_ms + 1)

    def _span_for(self, unix_ms: int) -> ReservedSpan:
        span, now = self._span, monotonic()
        covered = span is not None and unix_ms <= span.last_ms
        if span is not None and covered and now < self._renew_at:
            return span
        if now < self._retry_at:
            if span is not None and covered:
                return span
            raise IdSourceUnavailable("The ledger didn't answer a moment ago, so no id can be made.")
        try:
            span = reserve_span(
                owner=self._owner,
                held=span.number if span is not None else None,
                from_ms=unix_ms,
            )
        except IdSourceUnavailable:
            self._retry_at = monotonic() + RETRY_PAUSE_SECONDS
            if span is not None and covered:
                return span
            raise
        self._span, self._renew_at = span, now + SPAN_MS / 1000 / 3
        return span


def clock_ms() -> int:
    """Milliseconds since 1970 on this machine's clock."""
    return time_ns() // 1_000_000


_source = IdSource()


def new_id(*, slot: int) -> int:
    """A new 63-bit id of the slot, larger than this process's earlier ones of it; raises IdSourceUnavailable."""
    return _source.new_ids(slot=slot, count=1)[0]


def new_ids(*, slot: int, count: int) -> list[int]:
    """`count` new ids of one slot, ascending; 512 cost about a millisecond. Raises IdSourceUnavailable."""
    return _source.new_ids(slot=slot, count=count)


def _start_afresh() -> None:
    """A forked child must not go on with its parent's number, nor with a lock that a parent's thread held."""
    global _source
    _source = IdSource()


os.register_at_fork(after_in_child=_start_afresh)
