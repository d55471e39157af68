"""The ledger's clock: the one that admissions and their deadlines are measured by."""

from pgs_data.redis.connections import ledger


def ledger_now_ms(partition: int | None = None) -> int:
    """Milliseconds since 1970 on the clock of the partition's Redis; one round trip."""
    seconds, microseconds = ledger(partition).time()
    return int(seconds) * 1000 + int(microseconds) // 1000
