"""Names in the ledger; a game's counters live in one partition, so that one script judges all of them.

Counters of helps live no longer than the day they count: what a day can bring is bounded by its helps. What is kept of
refusals is bounded by itself, however many there are.
"""

import zlib

from pgs_data.redis.partitions import partition_of, tag


def partition_of_play(code: str) -> int:
    """Partition of a game's counters."""
    return partition_of(zlib.crc32(code.encode()))


def turns_key(code: str, kind: str, subject: str) -> str:
    """Number of helps today of a helper, device, address or account; gone at midnight."""
    return f"{tag(partition_of_play(code))}:help:{code}:{kind}:{subject}"


def refused_key(code: str, day: int) -> str:
    """Refusals of a day, number of days since 1970 in the shop's time: campaign:refusal → how many."""
    return f"{tag(partition_of_play(code))}:refused:{code}:{day}"


def refused_samples_key(code: str, refusal: str) -> str:
    """Stream of the latest refusals of a kind that were looked at."""
    return f"{tag(partition_of_play(code))}:refused_samples:{code}:{refusal}"


def refused_pace_key(code: str, refusal: str) -> str:
    """Refusals of a kind in this minute."""
    return f"{tag(partition_of_play(code))}:refused_pace:{code}:{refusal}"
