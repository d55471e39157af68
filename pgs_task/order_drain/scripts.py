"""The drain's Lua script."""

from collections.abc import Sequence

from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Script
from pgs_data.redis.connections import ledger
from pgs_web.trade.intake.keys import INTAKE_GROUP, flow_key, intake_key, set_aside_key

_ack_entries = Script.load("pgs_task.order_drain", "ack_entries")


def ack_entries(
    *, partition: int, persisted: Sequence[str], rejected: Sequence[tuple[str, int | None, str]], rate: int
) -> tuple[int, int]:
    """Acknowledges and counts entries, the rejected ones as (entry id, order id or None, reason).

    Returns how many counted as persisted and as rejected: those acknowledged before don't. Raises RedisUnavailable.
    """
    written, refused = _ack_entries(
        ledger(partition),
        keys={
            "intake": intake_key(partition),
            "flow": flow_key(partition),
            "set_aside": set_aside_key(partition),
        },
        args={
            "group": INTAKE_GROUP,
            "persisted": pack(list(persisted)),
            "rejected": pack(
                [[entry, "" if order_id is None else str(order_id), reason] for entry, order_id, reason in rejected]
            ),
            "rate": rate,
        },
    )
    return int(written), int(refused)
