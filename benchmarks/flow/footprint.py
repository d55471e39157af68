"""What one order leaves in Redis: many orders of members who buy once, drained and trimmed."""

from collections import Counter
from collections.abc import Iterable

from pgs_data.ids.snowflake import new_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import slot_of_id, slot_of_key
from pgs_web.trade.intake.messages import Admission, AdmitReply, Claim, ClaimReply
from pgs_web.trade.intake.scripts import admit_orders, claim_keys

FIRST_MEMBER = 50_000_000
# Orders of one call of the scripts, and of one activity; even, so that every group has its two.
BATCH = 200
KEYS_A_PIPELINE = 2000


def used_bytes() -> int:
    """Memory that Redis has given out, but for what connections and the file's buffer hold at this moment."""
    memory: dict[str, int] = ledger().info("memory")
    return memory["used_memory"] - memory["mem_clients_normal"] - memory["mem_aof_buffer"]


def bytes_by_kind() -> dict[str, int]:
    """Bytes of all keys of a kind, the word behind the partition's tag: claims, holds, group …; as Redis estimates."""
    client = ledger()
    found: Counter[str] = Counter()
    keys = list(client.scan_iter(count=1000))
    for start in range(0, len(keys), KEYS_A_PIPELINE):
        chosen = keys[start : start + KEYS_A_PIPELINE]
        pipeline = client.pipeline(transaction=False)
        for key in chosen:
            pipeline.memory_usage(key)
        for key, size in zip(chosen, pipeline.execute(), strict=True):
            found[key.decode().rpartition("}:")[2].split(":")[0]] += size or 0
    return dict(found)


def place_directly(*, count: int, activity_ids: list[int]) -> int:
    """Claims and admits `count` orders, each of a member of its own, two in a group, by the scripts alone; how many."""
    placed = 0
    while placed < count:
        activity_id = activity_ids[placed // BATCH % len(activity_ids)]
        batch = make_batch(activity_id, range(FIRST_MEMBER + placed, FIRST_MEMBER + placed + BATCH))
        _claim(batch)
        verdicts = admit_orders(partition=partition_of(activity_id), orders=batch)
        if any(verdict.reply is not AdmitReply.ADMITTED for verdict in verdicts):
            raise AssertionError(f"an order was refused: {verdicts[0]}")
        placed += len(batch)
    return placed


def make_batch(activity_id: int, member_ids: Iterable[int]) -> list[Admission]:
    """An order a member, two in a group: the one opens it, the next one joins."""
    batch: list[Admission] = []
    for place, member_id in enumerate(member_ids):
        order_id = new_id(slot=slot_of_key(member_id))
        opens = place % 2 == 0
        group_id = new_id(slot=slot_of_id(order_id)) if opens else batch[-1].open_group_id
        batch.append(
            Admission(
                order_id=order_id,
                activity_id=activity_id,
                member_id=member_id,
                quantity=1,
                join_group_id=None if opens else group_id,
                open_group_id=group_id if opens else None,
                address_id=member_id,
                # As long as most clients' keys: a UUID.
                idempotency_key=f"{order_id:036d}",
                trace_id=f"{order_id:032x}",
            )
        )
    return batch


def _claim(orders: list[Admission]) -> None:
    homes: dict[int, list[Claim]] = {}
    for order in orders:
        claim = Claim(
            order.member_id, order.idempotency_key, f"{order.order_id:024x}", order.order_id, order.activity_id
        )
        homes.setdefault(partition_of(order.member_id), []).append(claim)
    for partition, claims in homes.items():
        if any(claimed.reply is not ClaimReply.NEW for claimed in claim_keys(partition=partition, claims=claims)):
            raise AssertionError("a key was used before")
