"""Whether anything of an activity can still move, and what its orders' units are."""

from typing import Any

from django.db.models import Sum

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partitions_of, spread_of
from pgs_data.sharding.slots import node_aliases
from pgs_web.display.activity.models import ActivityStock
from pgs_web.display.activity.states import OVER
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import LOCKED, SOLD, OrderState
from pgs_web.trade.stock.keys import activity_key, away_open_key
from pgs_web.trade.stock.selectors import add_up, read_buckets, read_spreads

# Nobody waits for anything of these. What a shopper sends back later is counted by itself (docs/adr/0016).
AT_REST = frozenset(
    {
        OrderState.SHIPPED,
        OrderState.COMPLETED,
        OrderState.CANCELLED,
        OrderState.REFUNDED,
        OrderState.REJECTED,
    }
)
STILL_MOVING = frozenset(OrderState) - AT_REST
FIGURES = ("total", "remain", "lock", "sold", "version")
_CLOSED = {state.value.encode() for state in OVER}


def why_not_yet(activity_id: int) -> tuple[int, str]:
    """The version of its stock, and why the activity can't be archived; empty when nothing of it can move any more.

    Nothing locked in Redis means that everything admitted is in a database and was taken on from there: an order in a
    stream, at a node that is away, or unpaid holds its units in lock. The same units in Redis and in the orders mean
    that no message about them is on its way. Costs the activity's orders; raises outages.
    """
    buckets = read_buckets([activity_id]).get(activity_id)
    if buckets is None:
        return 0, "Redis has no stock of it: rebuild_stock"
    stock = add_up(buckets)
    if (moving := _moving_in_redis(activity_id)) or (moving := _moving_orders(activity_id)):
        return 0, moving
    if stock.lock or any(bucket.under_way for bucket in buckets) or not stock.is_consistent:
        return 0, f"its stock is {stock}"
    if (units := count_units(activity_id)) != (0, stock.sold):
        return 0, f"Redis says {stock.sold} sold, the orders say {units[0]} locked and {units[1]} sold"
    copy = ActivityStock.objects.filter(pk=activity_id).values_list(*FIGURES).first()
    if copy != tuple(getattr(stock, name) for name in FIGURES):
        return 0, f"the database's copy {copy} is not {stock}"
    return stock.version, ""


def _moving_in_redis(activity_id: int) -> str:
    if (loaded := read_spreads([activity_id]).get(activity_id)) not in (None, spread_of(activity_id)):
        return f"it was loaded over {loaded} partitions, LEDGER_SPREAD says {spread_of(activity_id)}"
    for partition in partitions_of(activity_id):
        state: Any = ledger(partition).hget(activity_key(activity_id, partition), "state")
        if state is not None and state not in _CLOSED:
            return f"its gate in partition {partition} is {state.decode()}"
        if spread_of(activity_id) > 1:
            # Seconds old, so there are few.
            for _member in ledger(partition).zscan_iter(away_open_key(partition), match=f"{activity_id}|*"):
                return "an order with a limit in another bucket is open"
    return ""


def _moving_orders(activity_id: int) -> str:
    for alias in node_aliases():
        orders = Order.objects.on_node(alias).filter(activity_id=activity_id, state__in=STILL_MOVING)
        found = orders.values_list("pk", "state").first()
        if found is not None:
            return f"order {found[0]} is {found[1]}"
    return ""


def count_units(activity_id: int) -> tuple[int, int]:
    """Units of the activity's locked and sold orders on all nodes; costs its orders."""
    lock = sold = 0
    for alias in node_aliases():
        rows = Order.objects.on_node(alias).filter(activity_id=activity_id, state__in=LOCKED | SOLD)
        for state, units in rows.values_list("state").annotate(units=Sum("quantity")).order_by():
            lock, sold = (lock + units, sold) if state in LOCKED else (lock, sold + units)
    return lock, sold
