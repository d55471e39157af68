"""Whole hashes of the ledger read a page at a time, for reconciliation and repair; never on a shopper's way."""

from collections.abc import Iterable, Iterator

from pgs_data.ids.texts import read_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import bucket_of, partitions_of
from pgs_web.trade.stock.holds import Hold
from pgs_web.trade.stock.keys import bought_key, holds_key

# Fields a page: about 100 KB of holds, a millisecond of Redis' time.
PAGE = 1000


def iterate_holds(activity_id: int, partitions: Iterable[int] | None = None) -> Iterator[tuple[int, Hold]]:
    """(order id, hold) of every order that the activity ever admitted; one may come twice while the hash grows.

    `partitions`: of these buckets only.
    """
    for partition in partitions_of(activity_id) if partitions is None else partitions:
        for order_id, packed in ledger(partition).hscan_iter(holds_key(activity_id, partition), count=PAGE):
            yield read_id(order_id), Hold.unpack(packed)


def iterate_bought_units(activity_ids: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """(activity id, member id, units) as Redis counts them; members without units are left out.

    One may come twice while the hash grows: who keeps them in mind needs memory for all members of the shop.
    """
    for activity_id in activity_ids:
        for bucket, partition in enumerate(partitions_of(activity_id)):
            for member, units in ledger(partition).hscan_iter(bought_key(activity_id, partition), count=PAGE):
                member_id = int(member)
                # Of a spread activity, the members' own buckets count; others have what was sold there.
                if int(units) and bucket_of(activity_id, member_id) == bucket:
                    yield activity_id, member_id, int(units)
