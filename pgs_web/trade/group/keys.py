"""Redis keys of groups; they live in the partition of their activity, or of the bucket that their id names."""

from pgs_data.ids.layout import MACHINE_BITS, SEQUENCE_BITS, TIME_BITS
from pgs_data.redis.partitions import partition_count, partition_within, tag

# 2^12 ms: groups whose ids were made in the same four seconds share a hash. In a rush that saves a key, an expiry and a
# command a group; longer periods would make hashes whose expiry stops Redis for a moment. settle_holds.lua has it too.
PERIOD_BITS = 12


def groups_key(*, activity_id: int, group_id: int) -> str:
    """Hash group id → packed group (packed.py), of the partition's groups of one period."""
    return f"{tag(partition_within(activity_id, group_id))}:groups:{period_of_group(group_id):d}"


def old_group_key(*, activity_id: int, group_id: int) -> str:
    """Hash of one group's seats as version 1 wrote it: size, held, closed, … and `m:<member id>` a seat."""
    return f"{tag(partition_within(activity_id, group_id))}:group:{group_id:d}"


def possible_keys(group_id: int) -> dict[int, tuple[str, str]]:
    """The group's keys in every partition, for who doesn't know the activity yet: partition → (key, old key)."""
    period = period_of_group(group_id)
    return {
        partition: (f"{tag(partition)}:groups:{period:d}", f"{tag(partition)}:group:{group_id:d}")
        for partition in range(partition_count())
    }


def period_of_group(group_id: int) -> int:
    """The four seconds in which the id was made, counted from the beginning of ids."""
    milliseconds = group_id >> (MACHINE_BITS + SEQUENCE_BITS) & ((1 << TIME_BITS) - 1)
    return milliseconds >> PERIOD_BITS
