"""Redis keys of groups; they live in the partition of their activity."""

from pgs_data.redis.partitions import partition_count, partition_of, tag


def group_key(*, activity_id: int, group_id: int) -> str:
    """Hash of a group's seats: size, held, deadline_ms, closed, price_fen, … and a field `m:<member id>` a seat."""
    return f"{tag(partition_of(activity_id))}:group:{group_id:d}"


def possible_group_keys(group_id: int) -> dict[int, str]:
    """The group's key in every partition, for a look-up that doesn't know the activity yet: partition → key."""
    return {partition: f"{tag(partition)}:group:{group_id:d}" for partition in range(partition_count())}
