"""Redis keys of the intake: one stream and its counters a partition, and the idempotency keys of members."""

from pgs_data.redis.partitions import partition_of, tag

# Hash of the receiving processes: who → what of the partitions' news they have read, and when; for operators.
READERS_KEY = "intake:readers"
# The consumer group of the drain processes.
INTAKE_GROUP = "drain"


def intake_key(partition: int) -> str:
    """Stream of admitted orders: one entry an order, field `d` holds the document."""
    return f"{tag(partition)}:intake"


def flow_key(partition: int) -> str:
    """Hash of counters: claimed, accepted, persisted, rejected, foreign; and rate, orders a second of the drain."""
    return f"{tag(partition)}:flow"


def set_aside_key(partition: int) -> str:
    """Stream of the entries that could not become an order, with the reason, for engineers."""
    return f"{tag(partition)}:set_aside"


def claims_key(member_id: int, day: int) -> str:
    """Hash of what a member's keys were used for on a day (days since 1970, UTC), in the member's home partition.

    Fields: `k:<idempotency key>` → `digest|order id|activity id|claimed ms`, and `o:<order id>` → activity id.
    """
    return f"{tag(partition_of(member_id))}:claims:{member_id:d}:{day:d}"


def recent_key(member_id: int, day: int) -> str:
    """List of `order id|activity id` of a member's newest claims of a day, newest first, a few hundred at most."""
    return f"{tag(partition_of(member_id))}:recent:{member_id:d}:{day:d}"
