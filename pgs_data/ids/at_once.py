"""Ids for an event loop, which must not wait: a thread beside it keeps the loan of the machine number fresh."""

import secrets

from pgs_data.ids.errors import IdSourceUnavailable, InvalidId
from pgs_data.ids.layout import EPOCH_MS, IDS_A_MILLISECOND, MACHINE_BITS, SEQUENCE_BITS, TIME_BITS
from pgs_data.ids.machine_number import ReservedSpan, reserve_span
from pgs_data.ids.snowflake import clock_ms
from pgs_data.sharding.slots import SLOT_COUNT


class ReadyIds:
    """One an event loop, made after the fork; `new_id` is only called on the loop, `renew` by one thread."""

    def __init__(self) -> None:
        self._owner = secrets.token_hex(16)
        self._span: ReservedSpan | None = None
        self._last_ms = 0
        self._sequence = 0

    def renew(self) -> None:
        """Lends the coming 15 seconds, waiting for the ledger; every few seconds. Raises IdSourceUnavailable."""
        span = self._span
        # The loop goes on with the old span meanwhile: both are ours, and the loop's counters never go back.
        self._span = reserve_span(
            owner=self._owner, held=span.number if span else None, from_ms=max(clock_ms(), self._last_ms)
        )

    def new_id(self, slot: int, *, residue: int = 0, modulus: int = 1) -> int:
        """A new id of the slot; raises IdSourceUnavailable when the ledger hasn't lent us this moment.

        `modulus`, a power of two up to 512: the id leaves this residue, at the price of the numbers in between.
        """
        span = self._span
        if span is None:
            raise IdSourceUnavailable("The ledger has lent no machine number yet.")
        now = clock_ms()
        unix_ms, sequence = self._last_ms, self._sequence
        if modulus > 1:
            sequence += (residue - sequence) % modulus
        if now > unix_ms:
            unix_ms, sequence = now, residue
        elif sequence >= IDS_A_MILLISECOND:
            # Borrowed from the coming millisecond; also where the clock went back.
            unix_ms, sequence = unix_ms + 1, residue
        if unix_ms < span.first_ms:
            unix_ms, sequence = span.first_ms, residue
        if unix_ms > span.last_ms:
            raise IdSourceUnavailable("The loan of the machine number ran out; the ledger doesn't answer.")
        if not 0 <= slot < SLOT_COUNT:
            raise InvalidId(f"Slots are 0..{SLOT_COUNT - 1}, got {slot}.")
        self._last_ms, self._sequence = unix_ms, sequence + 1
        moment = slot << TIME_BITS | unix_ms - EPOCH_MS
        return (moment << MACHINE_BITS | span.number) << SEQUENCE_BITS | sequence
