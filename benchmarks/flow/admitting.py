"""Orders admitted at a fixed rate by the ledger's own scripts: as the receiving service sends them, without HTTP."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.flow.footprint import BATCH, make_batch
from benchmarks.flow.orders import Acceptances
from pgs_data.redis.partitions import partition_count, partition_of
from pgs_web.trade.intake.messages import AdmitReply, Claim, ClaimReply
from pgs_web.trade.intake.scripts import admit_orders, claim_keys

FIRST_MEMBER = 100_000_000


@dataclass(frozen=True)
class Pace:
    """What came of it; `late_seconds`: how far the last batch was behind its time."""

    rate: float
    lasted: float
    admitted: int
    late_seconds: float


def admit_steadily(*, rate: float, seconds: float, activity_ids: Sequence[int], acceptances: Acceptances) -> Pace:
    """Claims and admits `rate` orders a second, each of a member of its own, two in a group.

    One call after the other: when the ledger or this process is too slow, fewer orders come. Raises AssertionError
    when one is refused.
    """
    step = partition_count()
    began, admitted, late = time.monotonic(), 0, 0.0
    while admitted < rate * seconds:
        due = began + admitted / rate
        if (wait := due - time.monotonic()) > 0:
            time.sleep(wait)
        late = max(0.0, -wait)
        number = admitted // BATCH
        # Members of one home partition: their keys are claimed by one call.
        first = FIRST_MEMBER + number // step * step * BATCH + number % step
        batch = make_batch(activity_ids[number % len(activity_ids)], range(first, first + BATCH * step, step))
        claims = [
            Claim(one.member_id, one.idempotency_key, f"{one.order_id:024x}", one.order_id, one.activity_id)
            for one in batch
        ]
        claimed = claim_keys(partition=partition_of(batch[0].member_id), claims=claims)
        if any(one.reply is not ClaimReply.NEW for one in claimed):
            raise AssertionError("a key was used before")
        verdicts = admit_orders(partition=partition_of(batch[0].activity_id), orders=batch)
        if any(one.reply is not AdmitReply.ADMITTED for one in verdicts):
            raise AssertionError(f"an order was refused: {verdicts[0]}")
        acceptances.order_ids.extend(one.order_id for one in batch)
        acceptances.latest = (batch[-1].order_id, time.monotonic())
        admitted += len(batch)
    return Pace(rate, time.monotonic() - began, admitted, late)
