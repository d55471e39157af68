"""The machine number in every id: lent by the ledger together with a span of milliseconds that is only ours.

No two processes ever get the same (number, millisecond), so ids stay unique when a process is frozen past the end of
its loan, when clocks jump or disagree, and when a number passes to another process at once.
"""

from dataclasses import dataclass

from redis.exceptions import RedisError

from pgs_data.ids.errors import IdSourceUnavailable
from pgs_data.ids.layout import MACHINE_COUNT
from pgs_data.lua.loader import Script
from pgs_data.redis.connections import ledger
from pgs_data.redis.replicas import Barrier

MACHINE_NUMBERS_KEY = "{ids}:machine_numbers"
MARK_KEY = "{ids}:replicated"
# A process that dies blocks its number for so long; a ledger that is down is noticed by new ids after at most so long.
SPAN_MS = 15_000
# A number whose reserved past ends later than this in our future is left alone, else ids would carry a wrong time.
LARGEST_SKEW_MS = 1_000

_reserve_milliseconds = Script.load("pgs_data.ids", "reserve_milliseconds")


@dataclass(frozen=True, kw_only=True)
class ReservedSpan:
    """A machine number and the milliseconds since 1970 (both ends inclusive) in which its owner may make ids."""

    number: int
    first_ms: int
    last_ms: int


def reserve_span(*, owner: str, held: int | None, from_ms: int) -> ReservedSpan:
    """Lends or renews a number from from_ms on; raises IdSourceUnavailable when none is free or the ledger is down."""
    # Dying after the script ran costs one span of one number: nobody uses it, nothing has to be cleaned up.
    try:
        client = ledger()
        # What a promoted replica doesn't know would be lent a second time.
        barrier = Barrier(client, mark=MARK_KEY)
        word, *rest = _reserve_milliseconds(
            client,
            keys={"numbers": MACHINE_NUMBERS_KEY},
            args={
                "owner": owner,
                "held": -1 if held is None else held,
                "from_ms": from_ms,
                "span_ms": SPAN_MS,
                "count": MACHINE_COUNT,
                "skew_ms": LARGEST_SKEW_MS,
            },
        )
        barrier.wait()
    except RedisError as error:
        raise IdSourceUnavailable("The ledger doesn't answer, so no id can be made.") from error
    if word == b"NONE":
        raise IdSourceUnavailable(f"All {MACHINE_COUNT} machine numbers are taken; one comes free within {SPAN_MS} ms.")
    number, first_ms, last_ms = (int(value) for value in rest)
    return ReservedSpan(number=number, first_ms=first_ms, last_ms=last_ms)
