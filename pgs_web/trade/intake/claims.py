"""What members claimed in the last days: the way from an order id to its activity before the order is in a database."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from pgs_data.ids.texts import read_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.trade.intake.keys import claim_field, claims_key, old_claims_key, own_claims_key

# Claims of a member whose bucket was full, read at most; beyond it only the database knows the rest.
OWN_AT_MOST = 1000


def read_claims(member_id: int, days: Iterable[int]) -> dict[int, int]:
    """Order id → activity id of the member's claims of these days (since 1970, UTC); raises RedisUnavailable.

    Costs the member's buckets: at most 256 claims a day, most of them of others, and 1000 own ones.
    """
    pipeline = ledger(partition_of(member_id)).pipeline(transaction=False)
    for day in days:
        pipeline.hgetall(claims_key(member_id, day))
        pipeline.hscan(own_claims_key(member_id, day), count=OWN_AT_MOST)
        pipeline.hgetall(old_claims_key(member_id, day))
    answers: list[Any] = pipeline.execute()
    found: dict[int, int] = {}
    mine = f"{member_id:d}:".encode()
    for bucket, (_cursor, own), old in zip(answers[::3], answers[1::3], answers[2::3], strict=True):
        for field, value in (*bucket.items(), *own.items()):
            if field.startswith(mine):
                order_id, activity_id, _digest = value.split(b"|")
                found[read_id(order_id)] = int(activity_id)
        found.update((int(name[2:]), int(value)) for name, value in old.items() if name.startswith(b"o:"))
    return found


def find_claims(keys: Iterable[tuple[int, str]], days: Sequence[int]) -> dict[tuple[int, str], tuple[int, int]]:
    """(member, idempotency key) → (order, activity) that it was claimed for on one of these days (since 1970, UTC).

    One round trip a partition. Claims of the first format aren't looked at. Raises RedisUnavailable.
    """
    by_partition: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for member_id, key in keys:
        by_partition[partition_of(member_id)].append((member_id, key))
    found: dict[tuple[int, str], tuple[int, int]] = {}
    for partition, of_partition in by_partition.items():
        pipeline = ledger(partition).pipeline(transaction=False)
        for member_id, key in of_partition:
            for day in days:
                pipeline.hget(claims_key(member_id, day), claim_field(member_id, key))
                pipeline.hget(own_claims_key(member_id, day), claim_field(member_id, key))
        answers: list[Any] = pipeline.execute()
        asked = [one for one in of_partition for _answer in range(2 * len(days))]
        for one, value in zip(asked, answers, strict=True):
            if value is not None:
                order_id, activity_id, _digest = value.split(b"|")
                found[one] = (read_id(order_id), int(activity_id))
    return found
