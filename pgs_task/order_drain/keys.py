"""Redis keys of the drain, in the partition of the orders."""

from pgs_data.redis.partitions import tag

# The field of a left-over entry that says which orders of it are left: ids, with commas between.
ONLY = "only"


def later_key(partition: int, node: str) -> str:
    """Stream of entries whose orders wait for a data node: as they came in, and the field `only`."""
    return f"{tag(partition)}:later:{node}"
