"""What the watch over lost stocks and their rebuild have to agree on."""

from pgs_data.locks import FencedLock
from pgs_data.redis.partitions import tag
from pgs_web.trade.stock.keys import stock_key

# Longer than a page of orders takes to count; whoever dies in a rebuild keeps the next one waiting for so long.
LOCK_MS = 20_000
WATCH_ACTOR = "clock"
STOCK_LOST = "the stock key is gone: rebuild_stock"
REBUILD_ACTOR = "rebuild_stock"


def rebuild_lock(activity_id: int) -> FencedLock:
    """Held while an activity's stock is rebuilt: then a missing stock is no loss."""
    return FencedLock(f"rebuild_stock:{activity_id:d}", ttl_ms=LOCK_MS)


def fence_key(activity_id: int, partition: int) -> str:
    """Number of the lease of the last rebuild."""
    return f"{tag(partition)}:rebuild_fence:{activity_id:d}"


def aside_key(activity_id: int, partition: int) -> str:
    """The stock while it is rebuilt; what it says of total and version is newer than the database's copy."""
    return f"{stock_key(activity_id, partition)}:aside"
