"""What an order leaves in the ledger's memory, part by part."""

from typing import Any

from benchmarks.engine.rush import PARTITION, Rush, empty_ledger
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import tag

PARTS = {
    "entries": "intake",
    "holds": "holds:*",
    "members' units": "bought:*",
    "groups": "groups:*",
    "claims": "claims:*",
}
KEYS_A_LOOK = 1000


def measure_parts(port: int, *, orders: int, in_groups: bool) -> dict[str, float]:
    """Part → bytes an order, by what Redis has less after the part is deleted. Entries go when they are drained."""
    empty_ledger()
    rush = Rush(port, in_groups=in_groups)
    made = rush.make_orders(orders)
    rush.claim(made, batch=100)
    rush.admit(made, batch=100)
    client: Any = ledger(PARTITION)
    # Whatever is deleted is gone when it is answered, not some time later.
    client.config_set("lazyfree-lazy-user-del", "no")
    sizes: dict[str, float] = {}
    for part, pattern in PARTS.items():
        before = client.info("memory")["used_memory"]
        keys = list(client.scan_iter(f"{tag(PARTITION)}:{pattern}", count=KEYS_A_LOOK))
        for start in range(0, len(keys), KEYS_A_LOOK):
            client.delete(*keys[start : start + KEYS_A_LOOK])
        sizes[part] = max(0.0, (before - client.info("memory")["used_memory"]) / orders)
    return sizes
