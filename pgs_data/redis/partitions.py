"""The ledger's partitions: all keys with one partition's tag can be touched by one script."""

from django.conf import settings


def partition_count() -> int:
    """Number of partitions that the ledger is divided into."""
    return settings.LEDGER_PARTITIONS


def partition_of(key: int) -> int:
    """Partition in which everything of this key lives; LEDGER_PINS wins over the remainder."""
    pinned = settings.LEDGER_PINS.get(key)
    return pinned if pinned is not None else key % settings.LEDGER_PARTITIONS


def has_own_redis(partition: int) -> bool:
    """Whether the partition lives apart: while its Redis is away, the other partitions can be served."""
    return partition in settings.LEDGER_PARTITION_URLS


def tag(partition: int) -> str:
    """Hash tag that starts every key of the partition, e.g. "{p07}"; ValueError for one that doesn't exist."""
    if not 0 <= partition < settings.LEDGER_PARTITIONS:
        raise ValueError(f"Ledger partition {partition} is outside 0..{settings.LEDGER_PARTITIONS - 1}.")
    return f"{{p{partition:02d}}}"
