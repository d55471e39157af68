"""The 63 bits of an id: slot 6 | milliseconds since 2024 41 | machine 7 | sequence 9."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pgs_data.ids.errors import InvalidId
from pgs_data.sharding.slots import ID_BITS, LARGEST_ID, SLOT_BITS, SLOT_COUNT

SEQUENCE_BITS = 9
MACHINE_BITS = 7
TIME_BITS = ID_BITS - SLOT_BITS - MACHINE_BITS - SEQUENCE_BITS

IDS_A_MILLISECOND = 1 << SEQUENCE_BITS
MACHINE_COUNT = 1 << MACHINE_BITS
# 41 bits of milliseconds last until September 2093.
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
EPOCH_MS = int(EPOCH.timestamp() * 1000)
LAST_MS = EPOCH_MS + (1 << TIME_BITS) - 1

CANONICAL = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, kw_only=True)
class IdParts:
    """What an id is made of; `unix_ms` counts from 1970."""

    slot: int
    unix_ms: int
    machine: int
    sequence: int


def pack_id(parts: IdParts) -> int:
    """The id of these parts; raises InvalidId when one doesn't fit its bits."""
    fits = (
        0 <= parts.slot < SLOT_COUNT
        and EPOCH_MS <= parts.unix_ms <= LAST_MS
        and 0 <= parts.machine < MACHINE_COUNT
        and 0 <= parts.sequence < IDS_A_MILLISECOND
    )
    if not fits:
        raise InvalidId(f"{parts} doesn't fit into {ID_BITS} bits.")
    number = parts.slot
    number = number << TIME_BITS | parts.unix_ms - EPOCH_MS
    number = number << MACHINE_BITS | parts.machine
    return number << SEQUENCE_BITS | parts.sequence


def unpack_id(number: int) -> IdParts:
    """The parts of an id; raises InvalidId outside 0..2^63-1."""
    if not 0 <= number <= LARGEST_ID:
        raise InvalidId(f"Ids are 0..2^{ID_BITS}-1, got {number}.")
    return IdParts(
        slot=number >> (TIME_BITS + MACHINE_BITS + SEQUENCE_BITS),
        unix_ms=(number >> (MACHINE_BITS + SEQUENCE_BITS) & ((1 << TIME_BITS) - 1)) + EPOCH_MS,
        machine=number >> SEQUENCE_BITS & (MACHINE_COUNT - 1),
        sequence=number & (IDS_A_MILLISECOND - 1),
    )


def time_of_id(number: int) -> datetime:
    """When the id was made, UTC, to the millisecond, by its maker's clock; raises InvalidId."""
    return EPOCH + timedelta(milliseconds=unpack_id(number).unix_ms - EPOCH_MS)


def parse_id(text: str) -> int:
    """The id that a client sent as text; raises InvalidId for all but the canonical ASCII decimal 1..2^63-1."""
    if not isinstance(text, str) or not CANONICAL.fullmatch(text):
        raise InvalidId("An id is written with the digits 0-9 only, without sign, spaces or leading zeros.")
    number = int(text)
    if number > LARGEST_ID:
        raise InvalidId(f"An id is at most {LARGEST_ID}.")
    return number
