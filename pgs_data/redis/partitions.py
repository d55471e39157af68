"""The ledger's partitions: all keys with one partition's tag can be touched by one script."""

from django.conf import settings


def partition_count() -> int:
    """Number of partitions that the ledger is divided into."""
    return settings.LEDGER_PARTITIONS


def partition_of(key: int) -> int:
    """Partition in which everything of this key lives; LEDGER_PINS wins over the remainder."""
    pinned = settings.LEDGER_PINS.get(key)
    return pinned if pinned is not None else key % settings.LEDGER_PARTITIONS


def spread_of(key: int) -> int:
    """Number of partitions that this key's things are divided over: a power of two, 1 for nearly all."""
    return settings.LEDGER_SPREAD.get(key, 1)


def partitions_of(key: int) -> tuple[int, ...]:
    """The partitions of a key's buckets, its home first: the place in it is the bucket's number."""
    home, spread, count = partition_of(key), spread_of(key), settings.LEDGER_PARTITIONS
    return tuple((home + number * (count // spread)) % count for number in range(spread))


def bucket_of(key: int, part_id: int) -> int:
    """Number of the bucket of a spread key that an order, a group or a member belongs to: the last bits of its id."""
    return part_id % spread_of(key)


def partition_within(key: int, part_id: int) -> int:
    """Partition in which this order, group or member of a key is found."""
    return partition_of(key) if key not in settings.LEDGER_SPREAD else partitions_of(key)[bucket_of(key, part_id)]


def has_own_redis(partition: int) -> bool:
    """Whether the partition lives apart: while its Redis is away, the other partitions can be served."""
    return partition in settings.LEDGER_PARTITION_URLS


def tag(partition: int) -> str:
    """Hash tag that starts every key of the partition, e.g. "{p07}"; ValueError for one that doesn't exist."""
    if not 0 <= partition < settings.LEDGER_PARTITIONS:
        raise ValueError(f"Ledger partition {partition} is outside 0..{settings.LEDGER_PARTITIONS - 1}.")
    return f"{{p{partition:02d}}}"
