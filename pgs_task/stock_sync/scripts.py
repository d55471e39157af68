"""The sync's script."""

from collections.abc import Sequence

from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Script
from pgs_data.redis.connections import ledger
from pgs_web.trade.stock.keys import changed_key

_forget_copied = Script.load("pgs_task.stock_sync", "forget_copied")


def forget_copied(*, partition: int, copied: Sequence[tuple[int, int | None]]) -> int:
    """Takes (activity id, copied version) off the partition's list unless they changed meanwhile; returns how many."""
    blob = pack([[str(activity_id), "" if version is None else str(version)] for activity_id, version in copied])
    _word, forgotten = _forget_copied(
        ledger(partition), keys={"changed": changed_key(partition)}, args={"copied": blob}
    )
    return int(forgotten)
