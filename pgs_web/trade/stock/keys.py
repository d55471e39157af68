"""Redis keys of an activity's sale; all of them live in the activity's partition of the ledger.

One that is spread (docs/adr/0015) has the same keys in each partition of its buckets; without `partition`, its home's.
"""

from pgs_data.redis.partitions import partition_of, tag


def activity_key(activity_id: int, partition: int | None = None) -> str:
    """Hash of the facts that an admission needs: window, prices, sizes, limits."""
    return f"{_tag(activity_id, partition)}:activity:{activity_id:d}"


def stock_key(activity_id: int, partition: int | None = None) -> str:
    """Hash total, remain, lock, sold, version, told_sold_out; without it nobody can buy. Never has a TTL."""
    return f"{_tag(activity_id, partition)}:stock:{activity_id:d}"


def bought_key(activity_id: int, partition: int | None = None) -> str:
    """Hash member id → units that the member has locked or bought; 0 for who bought and gave everything back."""
    return f"{_tag(activity_id, partition)}:bought:{activity_id:d}"


def holds_key(activity_id: int, partition: int | None = None) -> str:
    """Hash order id (a short text) → packed hold; see holds.py. It lives until the activity is archived."""
    return f"{_tag(activity_id, partition)}:holds:{activity_id:d}"


# Set of activities whose gate or rules in Redis may lag behind the database; outside the partitions.
UNALIGNED_KEY = "sales:unaligned"


def away_key(activity_id: int, partition: int) -> str:
    """Hash order id → `member|units|attempts`: what members of this bucket took from their limit for other buckets."""
    return f"{tag(partition)}:away:{activity_id:d}"


def away_open_key(partition: int) -> str:
    """Sorted set of `activity|order` by the time (ms) of the first attempt, until the order's fate is known."""
    return f"{tag(partition)}:away_open"


def lending_key(partition: int) -> str:
    """Set of `activity|lending bucket|borrowing bucket` whose loan is under way; lent by a bucket of this partition."""
    return f"{tag(partition)}:lending"


def changed_key(partition: int) -> str:
    """Set of activities whose stock changed since the stock sync last looked."""
    return f"{tag(partition)}:changed"


def news_key(partition: int) -> str:
    """Stream of activities, field `a`, whose facts, gate or total changed, or that have units again; the newest ones.

    For processes that keep facts and sold-out activities in memory; it is written by the script that makes the change.
    """
    return f"{tag(partition)}:news"


def _tag(activity_id: int, partition: int | None) -> str:
    return tag(partition_of(activity_id) if partition is None else partition)
