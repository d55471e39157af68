"""What the ledger has of an activity by itself; groups and claims, which activities share, expire."""

from pgs_data.redis.partitions import partitions_of
from pgs_task.stock_sync.lost_stock import aside_key, fence_key
from pgs_web.trade.stock.keys import activity_key, away_key, bought_key, holds_key, stock_key

# A cursor that begins anew when it is lost; outside the partitions.
LOOKED_UP_TO_KEY = "stock_archive:after"


def keys_of(activity_id: int, partition: int) -> dict[str, str]:
    """Name → key of everything that one partition keeps of the activity for as long as nobody archives it."""
    return {
        "activity": activity_key(activity_id, partition),
        "stock": stock_key(activity_id, partition),
        "aside": aside_key(activity_id, partition),
        "bought": bought_key(activity_id, partition),
        "holds": holds_key(activity_id, partition),
        "away": away_key(activity_id, partition),
        "fence": fence_key(activity_id, partition),
    }


def all_keys_of(activity_id: int) -> list[tuple[int, str]]:
    """(partition, key) of all buckets."""
    return [
        (partition, key) for partition in partitions_of(activity_id) for key in keys_of(activity_id, partition).values()
    ]
