"""Reads of the stock and of the holds on it, straight from Redis."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.trade.stock.holds import Hold
from pgs_web.trade.stock.keys import activity_key, holds_key, stock_key

_FIELDS = ("total", "remain", "lock", "sold", "version", "told_sold_out")
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


def read_stock(activity_id: int) -> Stock | None:
    """The stock now, None when it isn't loaded; raises RedisUnavailable."""
    return _stock_of(ledger(partition_of(activity_id)).hmget(stock_key(activity_id), _FIELDS))


def read_stocks(activity_ids: Iterable[int]) -> dict[int, Stock]:
    """The stocks of those activities that have one; one round trip a partition. Raises RedisUnavailable."""
    stocks: dict[int, Stock] = {}
    for partition, ids in _by_partition(activity_ids).items():
        pipeline = ledger(partition).pipeline(transaction=False)
        for activity_id in ids:
            pipeline.hmget(stock_key(activity_id), _FIELDS)
        for activity_id, values in zip(ids, pipeline.execute(), strict=True):
            stock = _stock_of(values)
            if stock is not None:
                stocks[activity_id] = stock
    return stocks


def read_gates(activity_ids: Iterable[int]) -> dict[int, str]:
    """States that admissions of these activities see, of those with facts; one round trip a partition."""
    gates: dict[int, str] = {}
    for partition, ids in _by_partition(activity_ids).items():
        pipeline = ledger(partition).pipeline(transaction=False)
        for activity_id in ids:
            pipeline.hget(activity_key(activity_id), "state")
        gates.update(
            (activity_id, state.decode())
            for activity_id, state in zip(ids, pipeline.execute(), strict=True)
            if state is not None
        )
    return gates


def read_facts(activity_id: int) -> dict[str, str]:
    """The facts that admissions see, empty when none are loaded; raises RedisUnavailable."""
    facts: Any = ledger(partition_of(activity_id)).hgetall(activity_key(activity_id))
    return {name.decode(): value.decode() for name, value in facts.items()}


def read_holds(orders: Iterable[tuple[int, int]]) -> dict[int, Hold]:
    """Order id → hold, for (activity id, order id) pairs that have one; one round trip a partition."""
    wanted: dict[int, list[int]] = defaultdict(list)
    for activity_id, order_id in orders:
        wanted[activity_id].append(order_id)
    holds: dict[int, Hold] = {}
    for partition, activity_ids in _by_partition(wanted).items():
        pipeline = ledger(partition).pipeline(transaction=False)
        asked: list[list[int]] = []
        for activity_id in activity_ids:
            for start in range(0, len(wanted[activity_id]), IDS_A_READ):
                asked.append(wanted[activity_id][start : start + IDS_A_READ])
                pipeline.hmget(holds_key(activity_id), [str(order_id) for order_id in asked[-1]])
        for ids, values in zip(asked, pipeline.execute(), strict=True):
            holds.update(
                (order_id, Hold.unpack(packed))
                for order_id, packed in zip(ids, values, strict=True)
                if packed is not None
            )
    return holds


def _by_partition(activity_ids: Iterable[int]) -> dict[int, list[int]]:
    grouped: dict[int, list[int]] = defaultdict(list)
    for activity_id in dict.fromkeys(activity_ids):
        grouped[partition_of(activity_id)].append(activity_id)
    return grouped


def _stock_of(values: list[Any]) -> Stock | None:
    if any(value is None for value in values[:5]):
        return None
    return Stock(*(int(value or 0) for value in values))
