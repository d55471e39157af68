"""Names in the ledger; a game's counters live in one partition, so that one script judges all of them.

None lives longer than the day it counts: what a day can bring is bounded by its helps.
"""

import zlib

from pgs_data.redis.partitions import partition_of, tag


def partition_of_play(code: str) -> int:
    """Partition of a game's counters."""
    return partition_of(zlib.crc32(code.encode()))


def turns_key(code: str, kind: str, subject: str) -> str:
    """Number of helps today of a helper, device, address or account; gone at midnight."""
    return f"{tag(partition_of_play(code))}:help:{code}:{kind}:{subject}"
