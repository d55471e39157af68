"""Reads of the stock and of the holds on it, straight from Redis."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pgs_data.ids.texts import short_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of, partition_within, partitions_of
from pgs_web.trade.stock.holds import Hold
from pgs_web.trade.stock.keys import activity_key, bought_key, holds_key, stock_key

_FIELDS = ("total", "remain", "lock", "sold", "version", "told_sold_out")
_BUCKET_FIELDS = (*_FIELDS, "whole", "under_way")
# Ids in one HMGET: Redis answers nobody else meanwhile.
IDS_A_READ = 500


@dataclass(frozen=True, slots=True)
class Stock:
    """An activity's units, read in one command; told_sold_out: see is_undersold."""

    total: int
    remain: int
    lock: int
    sold: int
    version: int
    # The smallest quantity that was refused as sold out since units last came back; 0: nobody was refused.
    told_sold_out: int

    @property
    def is_consistent(self) -> bool:
        """Whether the parts make up the total and none is negative (invariant S1)."""
        return self.total == self.remain + self.lock + self.sold and min(self.remain, self.lock, self.sold) >= 0

    @property
    def is_undersold(self) -> bool:
        """Whether somebody was told "sold out" for what is there all the time (invariant S4).

        Three wanted while two remain is refused rightly; what remains only shrinks after a refusal, or the mark is
        taken off. So nothing locked and at least the refused quantity left: the refusal was a lie.
        """
        return self.told_sold_out > 0 and self.lock == 0 and self.remain >= self.told_sold_out


@dataclass(frozen=True, slots=True)
class Bucket:
    """A spread activity's units in one partition; `under_way`: lent and not known to have arrived."""

    stock: Stock
    # The total of all buckets; None for all but the home's.
    whole: int | None
    under_way: int


def read_stock(activity_id: int) -> Stock | None:
    """The stock now, None when it isn't loaded; raises RedisUnavailable."""
    return read_stocks([activity_id]).get(activity_id)


def read_stocks(activity_ids: Iterable[int]) -> dict[int, Stock]:
    """The stocks of those activities that have one; one round trip a partition. Raises RedisUnavailable.

    A spread one is the sum of its buckets, and has none when one of them is lost.
    """
    return {activity_id: add_up(buckets) for activity_id, buckets in read_buckets(activity_ids).items()}


def read_buckets(activity_ids: Iterable[int]) -> dict[int, list[Bucket]]:
    """The buckets of those activities that have all of them, home first; most have one. Raises RedisUnavailable."""
    found: dict[tuple[int, int], Bucket] = {}
    ids = list(dict.fromkeys(activity_ids))
    for partition, held in _by_partition(ids).items():
        pipeline = ledger(partition).pipeline(transaction=False)
        for activity_id in held:
            pipeline.hmget(stock_key(activity_id, partition), _BUCKET_FIELDS)
        for activity_id, values in zip(held, pipeline.execute(), strict=True):
            stock = _stock_of(values[:6])
            if stock is not None:
                whole = None if values[6] is None else int(values[6])
                found[activity_id, partition] = Bucket(stock, whole, int(values[7] or 0))
    complete: dict[int, list[Bucket]] = {}
    for activity_id in ids:
        buckets = [found.get((activity_id, partition)) for partition in partitions_of(activity_id)]
        there = [bucket for bucket in buckets if bucket is not None]
        if len(there) == len(buckets):
            complete[activity_id] = there
    return complete


def add_up(buckets: Sequence[Bucket]) -> Stock:
    """The stock of an activity from all of its buckets, read one after the other while units move between them.

    The total is counted in one place, and a locked or sold unit never changes its bucket: what is neither remains.
    """
    stocks = [bucket.stock for bucket in buckets]
    if len(stocks) == 1:
        return stocks[0]
    whole, lock, sold = buckets[0].whole or 0, sum(one.lock for one in stocks), sum(one.sold for one in stocks)
    told = [one.told_sold_out for one in stocks]
    return Stock(
        total=whole,
        remain=whole - lock - sold,
        lock=lock,
        sold=sold,
        version=sum(one.version for one in stocks),
        # A bucket alone is no reason to refuse: only while all of them are marked somebody was told.
        told_sold_out=max(told) if all(told) else 0,
    )


def read_gates(activity_ids: Iterable[int]) -> dict[int, str]:
    """States that admissions of these activities see, of those with facts; one round trip a partition.

    Of a spread activity the last bucket's, the one that is steered last.
    """
    gates: dict[int, str] = {}
    ids = list(dict.fromkeys(activity_ids))
    for partition, held in _by_partition(ids).items():
        pipeline = ledger(partition).pipeline(transaction=False)
        for activity_id in held:
            pipeline.hget(activity_key(activity_id, partition), "state")
        gates.update(
            (activity_id, state.decode())
            for activity_id, state in zip(held, pipeline.execute(), strict=True)
            if state is not None and partition == partitions_of(activity_id)[-1]
        )
    return gates


def read_spreads(activity_ids: Iterable[int]) -> dict[int, int]:
    """Over how many partitions these activities were loaded, as their homes say; of those with facts."""
    spreads: dict[int, int] = {}
    by_home: dict[int, list[int]] = defaultdict(list)
    for activity_id in activity_ids:
        by_home[partition_of(activity_id)].append(activity_id)
    for partition, held in by_home.items():
        pipeline = ledger(partition).pipeline(transaction=False)
        for activity_id in held:
            pipeline.hmget(activity_key(activity_id), "sku_id", "spread")
        for activity_id, (sku_id, spread) in zip(held, pipeline.execute(), strict=True):
            if sku_id is not None:
                spreads[activity_id] = int(spread or 1)
    return spreads


def read_facts(activity_id: int) -> dict[str, str]:
    """The facts that admissions see, empty when none are loaded; raises RedisUnavailable."""
    facts: Any = ledger(partition_of(activity_id)).hgetall(activity_key(activity_id))
    return {name.decode(): value.decode() for name, value in facts.items()}


def read_bought(activity_id: int, *, member_id: int) -> int:
    """Units of the activity that the member has locked or bought, orders on their way included; 0 of an archived one.

    Raises RedisUnavailable.
    """
    partition = partition_within(activity_id, member_id)
    counted: Any = ledger(partition).hget(bought_key(activity_id, partition), str(member_id))
    return int(counted or 0)


def read_bought_units(places: Collection[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """`read_bought` of many (activity id, member id), each of which is in the answer; one round trip a partition."""
    wanted: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for activity_id, member_id in places:
        wanted[partition_within(activity_id, member_id)][activity_id].append(member_id)
    bought: dict[tuple[int, int], int] = {}
    for partition, of_activities in wanted.items():
        pipeline = ledger(partition).pipeline(transaction=False)
        asked: list[tuple[int, list[int]]] = []
        for activity_id, member_ids in of_activities.items():
            for start in range(0, len(member_ids), IDS_A_READ):
                asked.append((activity_id, member_ids[start : start + IDS_A_READ]))
                pipeline.hmget(bought_key(activity_id, partition), [str(member_id) for member_id in asked[-1][1]])
        for (activity_id, member_ids), counts in zip(asked, pipeline.execute(), strict=True):
            for member_id, count in zip(member_ids, counts, strict=True):
                bought[activity_id, member_id] = int(count or 0)
    return bought


def read_holds(orders: Iterable[tuple[int, int]]) -> dict[int, Hold]:
    """Order id → hold, for (activity id, order id) pairs that have one; one round trip a partition."""
    wanted: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for activity_id, order_id in orders:
        wanted[partition_within(activity_id, order_id)][activity_id].append(order_id)
    holds: dict[int, Hold] = {}
    for partition, of_activities in wanted.items():
        pipeline = ledger(partition).pipeline(transaction=False)
        asked: list[list[int]] = []
        for activity_id, order_ids in of_activities.items():
            for start in range(0, len(order_ids), IDS_A_READ):
                asked.append(order_ids[start : start + IDS_A_READ])
                fields = [text for order_id in asked[-1] for text in (short_id(order_id), str(order_id))]
                pipeline.hmget(holds_key(activity_id, partition), fields)
        for ids, values in zip(asked, pipeline.execute(), strict=True):
            # An older version kept them under the ids written out.
            for order_id, packed, old in zip(ids, values[::2], values[1::2], strict=True):
                if packed or old:
                    holds[order_id] = Hold.unpack(packed or old)
    return holds


def _by_partition(activity_ids: Iterable[int]) -> dict[int, list[int]]:
    grouped: dict[int, list[int]] = defaultdict(list)
    for activity_id in activity_ids:
        for partition in partitions_of(activity_id):
            grouped[partition].append(activity_id)
    return grouped


def _stock_of(values: list[Any]) -> Stock | None:
    if any(value is None for value in values[:5]):
        return None
    return Stock(*(int(value or 0) for value in values))
