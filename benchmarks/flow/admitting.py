"""Orders admitted at a fixed rate by the ledger's own scripts: as the receiving service sends them, without HTTP."""

import time
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

from benchmarks.flow.footprint import BATCH, make_batch
from benchmarks.harness.orders import Acceptances
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.redis.partitions import partition_count, partition_of
from pgs_web.trade.intake.messages import Admission, AdmitReply, Claim, ClaimReply
from pgs_web.trade.intake.scripts import admit_orders, claim_keys

FIRST_MEMBER = 100_000_000
STALL_SECONDS = 60.0
BESIDE_SECONDS = 60.0
# Batches under way at once, as of a receiving service: each waits twice for the ledger's disk, and for that alone.
CALLERS = 4


@dataclass(frozen=True)
class Pace:
    """What came of it; `late_seconds`: how far a batch was behind its time at most; `stalls`: calls sent again."""

    lasted: float
    admitted: int
    late_seconds: float
    stalls: int


def admit_steadily(
    *, rate: float, seconds: float, activity_ids: Sequence[int], acceptances: Acceptances, beside: Callable[[], object]
) -> Pace:
    """Claims and admits `rate` orders a second, each of a member of its own, two in a group.

    CALLERS batches at once: when the ledger or this process is too slow for so many, fewer orders come, and catch up
    later. `beside` is called once a minute. Raises AssertionError when an order is refused, and the ledger's own error
    when it doesn't answer for a minute.
    """
    began, late, stalls, minutes = time.monotonic(), 0.0, 0, 0
    count = ceil(rate * seconds / BATCH)
    under_way: deque[Future[int]] = deque()
    with ThreadPoolExecutor(CALLERS) as callers:
        for number in range(count):
            due = began + number * BATCH / rate
            time.sleep(max(0.0, due - time.monotonic()))
            if len(under_way) == CALLERS:
                stalls += under_way.popleft().result()
            late = max(late, time.monotonic() - due)
            activity_id = activity_ids[number % len(activity_ids)]
            under_way.append(callers.submit(_place, number, activity_id, acceptances))
            if time.monotonic() - began > (minutes + 1) * BESIDE_SECONDS:
                minutes += 1
                beside()
        stalls += sum(call.result() for call in under_way)
    return Pace(time.monotonic() - began, count * BATCH, late, stalls)


def _place(number: int, activity_id: int, acceptances: Acceptances) -> int:
    """Claims and admits one batch; how many calls were in vain."""
    step = partition_count()
    # Members of one home partition: their keys are claimed by one call.
    first = FIRST_MEMBER + number // step * step * BATCH + number % step
    batch = make_batch(activity_id, range(first, first + BATCH * step, step))
    stalls = _insist(lambda: _claim(batch)) + _insist(lambda: _admit(batch))
    # In one step, as several do it at once.
    acceptances.order_ids.extend(array("q", [one.order_id for one in batch]))
    acceptances.latest = (batch[-1].order_id, time.monotonic())
    return stalls


def _insist(call: Callable[[], None]) -> int:
    """Calls until it is answered, as the receiving service's shoppers do; how often in vain."""
    deadline, stalls = time.monotonic() + STALL_SECONDS, 0
    while True:
        try:
            call()
        except RedisUnavailable:
            if time.monotonic() > deadline:
                raise
            stalls += 1
        else:
            return stalls


def _claim(batch: Sequence[Admission]) -> None:
    claims = [
        Claim(one.member_id, one.idempotency_key, f"{one.order_id:024x}", one.order_id, one.activity_id)
        for one in batch
    ]
    claimed = claim_keys(partition=partition_of(batch[0].member_id), claims=claims)
    if any(one.reply not in {ClaimReply.NEW, ClaimReply.SAME} for one in claimed):
        raise AssertionError("a key was used before")


def _admit(batch: Sequence[Admission]) -> None:
    verdicts = admit_orders(partition=partition_of(batch[0].activity_id), orders=batch)
    if any(one.reply not in {AdmitReply.ADMITTED, AdmitReply.REPLAYED} for one in verdicts):
        raise AssertionError(f"an order was refused: {verdicts[0]}")
