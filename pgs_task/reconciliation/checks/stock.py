"""S1 to S7: activity stock in Redis against the orders, the ledger of movements and the database's copy."""

from collections import defaultdict
from collections.abc import Iterator

from django.db.models import Count, F, Q, Sum

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import node_aliases
from pgs_task.reconciliation.contract import When, make_check
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import LOCKED, SOLD, OrderState
from pgs_web.trade.stock.keys import stock_key
from pgs_web.trade.stock.models import Movement, StockEntry
from pgs_web.trade.stock.selectors import Stock, read_stocks

CHUNK = 2000
ON_SALE = frozenset({ActivityState.SCHEDULED, ActivityState.RUNNING})
HAD_SALE = ON_SALE | {ActivityState.PAUSED, ActivityState.ENDED, ActivityState.WITHDRAWN}


def _stocks() -> Iterator[tuple[int, Stock]]:
    ids = Activity.objects.filter(state__in=HAD_SALE).order_by("id").values_list("id", flat=True)
    page: list[int] = []
    for activity_id in ids.iterator(CHUNK):
        page.append(activity_id)
        if len(page) >= CHUNK:
            yield from read_stocks(page).items()
            page = []
    yield from read_stocks(page).items()


def _units(states: frozenset[OrderState]) -> dict[int, int]:
    """Activity → units of its orders in these states, over all nodes."""
    units: dict[int, int] = defaultdict(int)
    for alias in node_aliases():
        rows = Order.objects.on_node(alias).filter(state__in=states).values_list("activity_id")
        for activity_id, count in rows.annotate(units=Sum("quantity")).order_by():
            units[activity_id] += count
    return units


@make_check("S1", When.ALWAYS, "total = remain + lock + sold, none negative")
def stock_adds_up() -> Iterator[str]:
    for activity_id, stock in _stocks():
        if not stock.is_consistent:
            yield f"activity {activity_id}: {stock}"


@make_check("S2", When.QUIET, "Redis' lock and sold = sums over the orders of all nodes")
def stock_matches_orders() -> Iterator[str]:
    locked, sold = _units(LOCKED), _units(SOLD)
    for activity_id, stock in _stocks():
        of_orders = (locked.pop(activity_id, 0), sold.pop(activity_id, 0))
        if (stock.lock, stock.sold) != of_orders:
            yield f"activity {activity_id}: lock, sold = {stock.lock}, {stock.sold}; the orders say {of_orders}"
    for activity_id in sorted(locked.keys() | sold.keys()):
        yield f"activity {activity_id}: {locked[activity_id]} locked and {sold[activity_id]} sold units without a stock"


@make_check("S3", When.ALWAYS, "nothing oversold: units of locked and sold orders ≤ total")
def nothing_oversold() -> Iterator[str]:
    # Orders first: what is admitted between the two reads can't look like an oversale.
    units = _units(LOCKED | SOLD)
    for activity_id, stock in _stocks():
        if units.get(activity_id, 0) > stock.total:
            yield f"activity {activity_id}: {units[activity_id]} units ordered of {stock.total}"


@make_check("S4", When.QUIET, "nothing undersold: if somebody was told sold out and nothing is locked, remain = 0")
def nothing_undersold() -> Iterator[str]:
    for activity_id, stock in _stocks():
        if stock.is_undersold:
            yield f"activity {activity_id}: {stock.told_sold_out} wanted and told sold out, {stock.remain} remain"


@make_check("S5", When.QUIET, "the database's stock row = Redis, and its version never went back")
def copy_matches_redis() -> Iterator[str]:
    copies = {copy.activity_id: copy for copy in ActivityStock.objects.all().iterator(CHUNK)}
    for activity_id, stock in _stocks():
        copy = copies.get(activity_id)
        if copy is None:
            yield f"activity {activity_id} has a stock in Redis and no row"
            continue
        row = (copy.total, copy.remain, copy.lock, copy.sold, copy.version)
        if row != (stock.total, stock.remain, stock.lock, stock.sold, stock.version):
            yield f"activity {activity_id}: row {row}, Redis {stock}"


@make_check("S6", When.QUIET, "stock ledger: one RESERVE an order, then at most one of CONFIRM or RELEASE")
def ledger_is_complete() -> Iterator[str]:
    counts = {movement: Count("id", filter=Q(movement=movement)) for movement in Movement.values}
    for alias in node_aliases():
        rows = StockEntry.objects.on_node(alias).values("order_id").annotate(**counts).order_by("order_id")
        wrong = rows.exclude(
            Q(RESERVE=1, CONFIRM=0, RELEASE=0, RETURN=0)
            | Q(RESERVE=1, CONFIRM=1, RELEASE=0, RETURN__lte=1)
            | Q(RESERVE=1, CONFIRM=0, RELEASE=1, RETURN=0)
        )
        for row in wrong.iterator(CHUNK):
            yield f"order {row['order_id']}: {row}"
        orders = Order.objects.on_node(alias)
        bare = orders.exclude(id__in=StockEntry.objects.on_node(alias).values("order_id"))
        for order_id in bare.values_list("id", flat=True).iterator(CHUNK):
            yield f"order {order_id} has no ledger entry"
        other = StockEntry.objects.on_node(alias).filter(movement=Movement.RESERVE)
        sums = dict(other.values_list("activity_id").annotate(units=Sum("quantity")).order_by())
        ordered = dict(orders.values_list("activity_id").annotate(units=Sum(F("quantity"))).order_by())
        for activity_id in sums.keys() | ordered.keys():
            if sums.get(activity_id) != ordered.get(activity_id):
                yield f"activity {activity_id} on {alias}: reserved {sums.get(activity_id)}, {ordered.get(activity_id)}"


@make_check("S7", When.ALWAYS, "the stock key of a running activity exists and has no TTL")
def stock_key_is_there() -> Iterator[str]:
    for activity_id in Activity.objects.filter(state__in=ON_SALE).values_list("id", flat=True).iterator(CHUNK):
        # -1: no TTL; -2: no key.
        ttl = ledger(partition_of(activity_id)).ttl(stock_key(activity_id))
        if ttl != -1:
            yield f"activity {activity_id}: {'no stock key' if ttl == -2 else f'its stock key expires in {ttl} s'}"


CHECKS = [
    stock_adds_up,
    stock_matches_orders,
    nothing_oversold,
    nothing_undersold,
    copy_matches_redis,
    ledger_is_complete,
    stock_key_is_there,
]
