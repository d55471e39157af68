"""The drain's Lua script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Script
from pgs_data.redis.connections import ledger
from pgs_web.trade.intake.keys import INTAKE_GROUP, flow_key, intake_key, set_aside_key

_ack_entries = Script.load("pgs_task.order_drain", "ack_entries")


@dataclass(slots=True)
class EntryVerdict:
    """What became of the orders of one entry; each is in exactly one place."""

    persisted: int = 0
    # (order id, reason); None where nothing was ever admitted.
    rejected: list[tuple[int | None, str]] = field(default_factory=list)
    # Node that they wait for → ids.
    left: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counted:
    """Orders of the entries that a call acknowledged; those acknowledged before don't count again."""

    persisted: int
    rejected: int
    moved: int


def ack_entries(*, partition: int, source: str, verdicts: Mapping[str, EntryVerdict], rate: int) -> Counted:
    """Acknowledges entries of `source` by id, counts their orders, and moves on what is left; raises RedisUnavailable.

    All of an entry or nothing of it, and once: the same call again counts and moves nothing.
    """
    persisted, rejected, moved = _ack_entries(
        ledger(partition),
        keys={"source": source, "flow": flow_key(partition), "set_aside": set_aside_key(partition)},
        args={
            "group": INTAKE_GROUP,
            "entries": pack([[entry_id, *_row(verdict)] for entry_id, verdict in verdicts.items()]),
            "is_fresh": int(source == intake_key(partition)),
            "rate": rate,
        },
    )
    return Counted(int(persisted), int(rejected), int(moved))


def _row(verdict: EntryVerdict) -> Sequence[object]:
    return (
        verdict.persisted,
        [["" if order_id is None else str(order_id), reason] for order_id, reason in verdict.rejected],
        [[node, ",".join(map(str, ids)), len(ids)] for node, ids in verdict.left.items()],
    )
