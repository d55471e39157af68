"""System check: Redis' settings describe a ledger in which every key has exactly one place."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

# The last bits of an id, its sequence (pgs_data/ids/layout.py), name the bucket that it belongs to.
MOST_BUCKETS = 512
ROLES = {"ledger", "cache", "broker"}
# A stopped Redis must become an answer within one second; connecting may take a quarter of the timeout on top.
LONGEST_TIMEOUT_SECONDS = 0.8


def _powers_of_two(most: int) -> set[int]:
    return {1 << bits for bits in range(most.bit_length()) if 1 << bits <= most}


def check_redis(**_options: Any) -> list[CheckMessage]:
    """Roles, partitions, pins and timeouts."""
    return list(_problems())


def _problems() -> Iterator[CheckMessage]:
    missing = sorted(ROLES - settings.REDIS_URLS.keys())
    if missing:
        yield Error(f"REDIS_URLS has no {missing}.", hint="Set REDIS_LEDGER_URL and so on.", id="redis.E001")
    count = settings.LEDGER_PARTITIONS
    if count < 1:
        yield Error("LEDGER_PARTITIONS must be 1 or more.", hint="The default is 16.", id="redis.E002")
    outside = {
        "LEDGER_PARTITION_URLS": [number for number in settings.LEDGER_PARTITION_URLS if not 0 <= number < count],
        "LEDGER_PINS": [key for key, number in settings.LEDGER_PINS.items() if not 0 <= number < count],
    }
    for name, keys in outside.items():
        if keys:
            yield Error(
                f"{name} names partitions that don't exist, at {sorted(keys)}.",
                hint=f"LEDGER_PARTITIONS = {count}: partitions are 0 to {count - 1}.",
                id="redis.E003",
            )
    most = min(count, MOST_BUCKETS)
    if uneven := [key for key, spread in settings.LEDGER_SPREAD.items() if spread not in _powers_of_two(most)]:
        yield Error(
            f"LEDGER_SPREAD spreads {sorted(uneven)} over a number of partitions that can't be.",
            hint=f"Powers of two up to {most}: the last bits of an id say which bucket it belongs to.",
            id="redis.E005",
        )
    if not 0 < settings.REDIS_SOCKET_TIMEOUT_SECONDS <= LONGEST_TIMEOUT_SECONDS:
        yield Error(
            f"REDIS_SOCKET_TIMEOUT_SECONDS must be above 0 and at most {LONGEST_TIMEOUT_SECONDS}.",
            hint="A shopper gets 503 within a second when Redis is stopped; more would be silence.",
            id="redis.E004",
        )
