"""What the watch over lost stocks and their rebuild have to agree on."""

from pgs_data.locks import FencedLock

# Longer than a page of orders takes to count; whoever dies in a rebuild keeps the next one waiting for so long.
LOCK_MS = 20_000
WATCH_ACTOR = "clock"
STOCK_LOST = "the stock key is gone: rebuild_stock"
REBUILD_ACTOR = "rebuild_stock"


def rebuild_lock(activity_id: int) -> FencedLock:
    """Held while an activity's stock is rebuilt: then a missing stock is no loss."""
    return FencedLock(f"rebuild_stock:{activity_id:d}", ttl_ms=LOCK_MS)
