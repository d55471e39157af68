"""The archive's script."""

from pgs_data.lua.loader import Script
from pgs_data.redis.replicas import replicated
from pgs_task.stock_archive.keys import keys_of
from pgs_web.trade.stock.keys import changed_key

_forget_activity = Script.load("pgs_task.stock_archive", "forget_activity")


def forget_activity(*, activity_id: int, partition: int) -> bool:
    """Takes away what the partition has of the activity; False while its gate isn't closed for good.

    Repeatable; raises RedisUnavailable.
    """
    # What a replica still has would be back when it is promoted.
    with replicated(partition) as client:
        word: bytes = _forget_activity(
            client,
            keys={**keys_of(activity_id, partition), "changed": changed_key(partition)},
            args={"activity_id": str(activity_id)},
        )
    return word == b"FORGOTTEN"
