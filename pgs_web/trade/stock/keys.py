"""Redis keys of an activity's sale; all of them live in the activity's partition of the ledger."""

from pgs_data.redis.partitions import partition_of, tag


def activity_key(activity_id: int) -> str:
    """Hash of the facts that an admission needs: window, prices, sizes, limits."""
    return f"{tag(partition_of(activity_id))}:activity:{activity_id:d}"


def stock_key(activity_id: int) -> str:
    """Hash total, remain, lock, sold, version, told_sold_out; without it nobody can buy. Never has a TTL."""
    return f"{tag(partition_of(activity_id))}:stock:{activity_id:d}"


def bought_key(activity_id: int) -> str:
    """Hash member id → units that the member has locked or bought; 0 for who bought and gave everything back."""
    return f"{tag(partition_of(activity_id))}:bought:{activity_id:d}"


def holds_key(activity_id: int) -> str:
    """Hash order id → packed hold; see holds.py. It lives as long as the activity."""
    return f"{tag(partition_of(activity_id))}:holds:{activity_id:d}"


# Set of activities whose gate or rules in Redis may lag behind the database; outside the partitions.
UNALIGNED_KEY = "sales:unaligned"


def changed_key(partition: int) -> str:
    """Set of activities whose stock changed since the stock sync last looked."""
    return f"{tag(partition)}:changed"


def news_key(partition: int) -> str:
    """Stream of activities, field `a`, whose facts, gate or total changed, or that have units again; the newest ones.

    For processes that keep facts and sold-out activities in memory; it is written by the script that makes the change.
    """
    return f"{tag(partition)}:news"
