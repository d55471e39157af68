"""What members claimed in the last days: the way from an order id to its activity before the order is in a database."""

from collections.abc import Iterable
from typing import Any

from pgs_data.ids.texts import read_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.trade.intake.keys import claims_key, old_claims_key, own_claims_key

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
