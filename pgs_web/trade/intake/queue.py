"""What shoppers are told about orders that wait to be written down."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_within
from pgs_web.trade.intake.keys import flow_key
from pgs_web.trade.order.queue import QueuePlace
from pgs_web.trade.stock.holds import Hold

# Orders a second, until the drain has measured itself; admit_orders.lua has it too.
FIRST_RATE = 200


def find_places(waiting: Mapping[int, tuple[int, Hold]]) -> dict[int, QueuePlace]:
    """Order id → its place now, of (activity id, hold) by order id; one read of one hash a partition.

    Its ticket less what was written down is exact while orders are written in the order in which they came. One whose
    turn is over and that isn't written waits for a node: at most all who wait for one are before it, and how long is
    unknown. Raises RedisUnavailable.
    """
    flows = {
        partition: _read_flow(partition)
        for partition in {partition_within(activity_id, order_id) for order_id, (activity_id, _hold) in waiting.items()}
    }
    places = {}
    for order_id, (activity_id, hold) in waiting.items():
        flow = flows[partition_within(activity_id, order_id)]
        if hold.ticket and hold.ticket <= flow.passed and flow.later > 0:
            places[order_id] = QueuePlace(flow.later, None)
            continue
        # A hold of the first version has no ticket: what was told then is the most that it can be now.
        position = max(hold.ticket - flow.passed, 1) if hold.ticket else max(hold.position, 1)
        places[order_id] = QueuePlace(position, math.ceil(position / flow.rate))
    return places


class Flow(NamedTuple):
    """Orders that nobody waits behind any more, those of them that wait for a node, and orders a second."""

    passed: int
    later: int
    rate: int


def _read_flow(partition: int) -> Flow:
    values = ledger(partition).hmget(flow_key(partition), ["persisted", "rejected", "later", "rate"])
    persisted, rejected, later, rate = (int(value or 0) for value in values)
    return Flow(persisted + rejected + later, later, rate or FIRST_RATE)
