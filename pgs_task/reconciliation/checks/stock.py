"""S1 to S9: activity stock in Redis against the orders, the ledger of movements and the database's copy."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import database_now
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count, partitions_of, spread_of
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.spans import key_spans, pages_by_span, sum_by_span
from pgs_task.reconciliation.contract import When, make_check
from pgs_task.stock_archive.keys import all_keys_of
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.display.activity.states import OVER, ActivityState
from pgs_web.trade.intake.keys import READERS_KEY
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import LOCKED, SOLD, OrderState
from pgs_web.trade.stock.keys import news_key, stock_key
from pgs_web.trade.stock.models import Movement, StockEntry
from pgs_web.trade.stock.selectors import Stock, read_buckets, read_spreads, read_stocks

CHUNK = 2000
ON_SALE = frozenset({ActivityState.SCHEDULED, ActivityState.RUNNING})
HAD_SALE = ON_SALE | {ActivityState.PAUSED, ActivityState.ENDED, ActivityState.WITHDRAWN}
FIGURES = ("total", "remain", "lock", "sold", "version")
NO_TTL, NO_KEY = -1, -2
# A receiving process says every second what it knows.
READER_SILENT_SECONDS = 10
# News older than a second are known to whoever acts on them; the rest is how far two machines' clocks may be apart.
UNREAD_NEWS_SECONDS = 3


def _pages_of_activities(states: frozenset[ActivityState]) -> Iterator[list[int]]:
    ids = Activity.objects.filter(state__in=states).order_by("id").values_list("id", flat=True)
    last_id = 0
    while page := list(ids.filter(id__gt=last_id)[:CHUNK]):
        last_id = page[-1]
        yield page


def _stocks() -> Iterator[tuple[int, Stock]]:
    """As Redis has them, and of archived activities as the database has them."""
    for page in _pages_of_activities(HAD_SALE):
        archived = {row.activity_id: row for row in _archived(page)}
        yield from read_stocks([activity_id for activity_id in page if activity_id not in archived]).items()
        for activity_id, row in archived.items():
            yield activity_id, Stock(row.total, row.remain, row.lock, row.sold, row.version, told_sold_out=0)


def _archived(activity_ids: list[int]) -> Iterator[ActivityStock]:
    return ActivityStock.objects.filter(activity_id__in=activity_ids, archived_at__isnull=False).iterator(CHUNK)


def _units(states: frozenset[OrderState], *, until: datetime | None = None) -> Counter[int]:
    """Activity → units of its orders in these states, over all nodes; of those accepted before a moment only."""
    units: Counter[int] = Counter()
    for alias in node_aliases():
        orders = Order.objects.on_node(alias).filter(state__in=states)
        units += sum_by_span(orders.filter(accepted_at__lt=until) if until else orders, by="activity_id", of="quantity")
    return units


def _asked(activity_ids: list[int], command: str, *arguments: Any) -> Iterator[tuple[int, str, Any]]:
    """(activity id, stock key, what the command says of it) for every bucket, one round trip a partition."""
    by_partition: dict[int, list[int]] = defaultdict(list)
    for activity_id in activity_ids:
        for partition in partitions_of(activity_id):
            by_partition[partition].append(activity_id)
    for partition, ids in by_partition.items():
        pipeline = ledger(partition).pipeline(transaction=False)
        for activity_id in ids:
            pipeline.execute_command(command, stock_key(activity_id, partition), *arguments)
        for activity_id, answer in zip(ids, pipeline.execute(), strict=True):
            yield activity_id, stock_key(activity_id, partition), answer


@make_check("S1", When.ALWAYS, _("total = remain + lock + sold, none negative"))
def stock_adds_up() -> Iterator[str]:
    for page in _pages_of_activities(HAD_SALE):
        for activity_id, _key, values in _asked(page, "HMGET", *FIGURES):
            if all(value is None for value in values):
                # No stock at all is S7's affair, or S5's.
                continue
            shown = ", ".join(
                f"{name} {value.decode() if value else '?'}" for name, value in zip(FIGURES, values, strict=True)
            )
            try:
                total, remain, lock, sold, _version = (int(value) for value in values)
            except (TypeError, ValueError):
                yield f"activity {activity_id}: its stock in Redis is damaged: {shown}; run rebuild_stock"
                continue
            if min(remain, lock, sold) < 0:
                yield f"activity {activity_id}: a negative figure in Redis: {shown}"
            if total != remain + lock + sold:
                yield f"activity {activity_id}: remain + lock + sold is {remain + lock + sold}, in Redis: {shown}"


@make_check("S2", When.QUIET, _("Redis' lock and sold = sums over the orders of all nodes"))
def stock_matches_orders() -> Iterator[str]:
    locked, sold = _units(LOCKED), _units(SOLD)
    for activity_id, stock in _stocks():
        lock_of_orders, sold_of_orders = locked.pop(activity_id, 0), sold.pop(activity_id, 0)
        if (stock.lock, stock.sold) != (lock_of_orders, sold_of_orders):
            yield (
                f"activity {activity_id}: Redis says {stock.lock} locked, {stock.sold} sold;"
                f" the orders say {lock_of_orders} locked, {sold_of_orders} sold"
            )
    for activity_id in sorted(locked.keys() | sold.keys()):
        yield (
            f"activity {activity_id}: the orders have {locked.get(activity_id, 0)} locked and"
            f" {sold.get(activity_id, 0)} sold units, Redis has no stock; run rebuild_stock"
        )

    for page in _pages_of_activities(HAD_SALE):
        for activity_id, buckets in read_buckets([one for one in page if spread_of(one) > 1]).items():
            parts = sum(bucket.stock.total + bucket.under_way for bucket in buckets)
            if parts != buckets[0].whole:
                yield f"activity {activity_id}: its buckets have {parts} units, its total is {buckets[0].whole}"


@make_check("S3", When.ALWAYS, _("nothing oversold: units of locked and sold orders ≤ total"))
def nothing_oversold() -> Iterator[str]:
    # Orders first: what is admitted between the two reads can't look like an oversale. And only those of before: while
    # the spans are read a unit may go from an order that was counted to a new one, but none had two owners then.
    units = _units(LOCKED | SOLD, until=database_now("default"))
    for activity_id, stock in _stocks():
        if units.get(activity_id, 0) > stock.total:
            yield f"activity {activity_id} is oversold: {units[activity_id]} units ordered, its total is {stock.total}"


@make_check("S4", When.QUIET, _("nothing undersold: if somebody was told sold out and nothing is locked, remain = 0"))
def nothing_undersold() -> Iterator[str]:
    for activity_id, stock in _stocks():
        if stock.is_undersold:
            yield (
                f"activity {activity_id} is undersold: somebody wanted {stock.told_sold_out} and was told sold out,"
                f" {stock.remain} remain and nothing is locked"
            )


@make_check("S5", When.QUIET, _("the database's stock row = Redis, and its version never went back"))
def copy_matches_redis() -> Iterator[str]:
    for page in _pages_of_activities(HAD_SALE):
        copies = {copy.activity_id: copy for copy in ActivityStock.objects.filter(activity_id__in=page)}
        stocks = read_stocks(page)
        for activity_id in page:
            copy, stock = copies.get(activity_id), stocks.get(activity_id)
            if copy is None and stock is None:
                # Withdrawn before anything was loaded.
                continue
            if copy is not None and copy.archived_at is not None:
                if (parts := copy.remain + copy.lock + copy.sold) != copy.total or copy.remain < 0:
                    yield f"activity {activity_id} is archived: remain + lock + sold is {parts}, its total {copy.total}"
                continue
            row = {name: getattr(copy, name) for name in FIGURES} if copy else None
            redis = {name: getattr(stock, name) for name in FIGURES} if stock else None
            if row == redis:
                continue
            if row and redis and row["version"] > redis["version"]:
                yield f"activity {activity_id}: Redis went back to an older version {redis}, the database has {row}"
            else:
                yield f"activity {activity_id}: the database has {row or 'no row'}, Redis {redis or 'no stock'}"


@make_check(
    "S6",
    When.QUIET,
    _("stock ledger: one RESERVE an order, then at most one of CONFIRM or RELEASE, a RETAKE only after that"),
)
def ledger_is_complete() -> Iterator[str]:
    for alias in node_aliases():
        yield from _wrong_movements(alias)
        yield from _wrong_quantities(alias)
        orders, entries = Order.objects.on_node(alias), StockEntry.objects.on_node(alias)
        for span in key_spans(orders):
            # Within the same span, in whichever order the database reads the two.
            of_order = entries.filter(span.of("order_id"), order_id=OuterRef("id"))
            bare = orders.filter(span.of("id")).exclude(Exists(of_order))
            for order_id in bare.order_by("id").values_list("id", flat=True):
                yield f"order {order_id} has no entry in the stock ledger"
        reserved = sum_by_span(entries.filter(movement=Movement.RESERVE), by="activity_id", of="quantity")
        ordered = sum_by_span(orders, by="activity_id", of="quantity")
        for activity_id in sorted(reserved.keys() | ordered.keys()):
            if reserved[activity_id] != ordered[activity_id]:
                yield (
                    f"activity {activity_id} on {alias}: the ledger reserved {reserved[activity_id]} units,"
                    f" the orders have {ordered[activity_id]}"
                )


def _wrong_movements(alias: str) -> Iterator[str]:
    counts: dict[str, Any] = {movement: Count("id", filter=Q(movement=movement)) for movement in Movement.values}
    entries = StockEntry.objects.on_node(alias)
    for span in key_spans(entries, key="order_id"):
        # The index on order and movement answers it alone: rows of one order are far apart.
        counted = entries.filter(span.of("order_id")).values("order_id").annotate(**counts)
        wrong = counted.exclude(
            Q(RESERVE=1, CONFIRM=0, RELEASE=0, RETURN=0, RETAKE=0)
            | Q(RESERVE=1, CONFIRM=1, RELEASE=0, RETURN__lte=1, RETAKE=0)
            | Q(RESERVE=1, CONFIRM=0, RELEASE=1, RETURN=0, RETAKE=0)
            # Cancelled, and taken up again for a payment that came too late.
            | Q(RESERVE=1, CONFIRM=0, RELEASE=1, RETAKE=1, RETURN__lte=1)
        )
        for row in wrong.order_by("order_id"):
            movements = ", ".join(f"{row[movement]} {movement}" for movement in Movement.values if row[movement])
            yield f"order {row['order_id']} on {alias}: the stock ledger has {movements}"


def _wrong_quantities(alias: str) -> Iterator[str]:
    """Movements of other units than their order reserved."""
    entries = StockEntry.objects.on_node(alias)
    reserved = entries.filter(order_id=OuterRef("order_id"), movement=Movement.RESERVE)
    later = entries.exclude(movement=Movement.RESERVE)
    for page in pages_by_span(later.filter(Exists(reserved.exclude(quantity=OuterRef("quantity")))), size=CHUNK):
        for entry in page:
            yield (
                f"order {entry.order_id} on {alias}: its {entry.movement} is of {entry.quantity} units, which is not"
                " what it reserved"
            )


def _spread_otherwise() -> Iterator[str]:
    """Activities on sale, and receiving processes, for whom LEDGER_SPREAD says something else than here."""
    for page in _pages_of_activities(ON_SALE):
        for activity_id, spread in read_spreads(page).items():
            if spread != (said := spread_of(activity_id)):
                yield f"activity {activity_id} was loaded over {spread} partitions, LEDGER_SPREAD says {said}"
    here = {str(activity_id): spread for activity_id, spread in settings.LEDGER_SPREAD.items()}
    since = time.time() - READER_SILENT_SECONDS
    readers: Any = ledger().hgetall(READERS_KEY)
    for name, text in readers.items():
        known = json.loads(text)
        if known["at"] >= since and known.get("spread", {}) != here:
            yield f"receiving process {name.decode()} has another LEDGER_SPREAD: {known.get('spread', {})}, here {here}"


@make_check("S7", When.ALWAYS, _("the stock key of a running activity exists and has no TTL"))
def stock_key_is_there() -> Iterator[str]:
    yield from _spread_otherwise()
    for page in _pages_of_activities(ON_SALE):
        missing = []
        for activity_id, key, seconds in _asked(page, "TTL"):
            if seconds == NO_KEY:
                missing.append(activity_id)
            elif seconds != NO_TTL:
                yield f"activity {activity_id}: its stock is lost in {seconds} s; run PERSIST {key} in Redis"
        # It may have been paused since the page was read: a rebuild takes the key away only then.
        still_on_sale = Activity.objects.filter(id__in=missing, state__in=ON_SALE).order_by("id")
        for activity_id in still_on_sale.values_list("id", flat=True):
            yield f"activity {activity_id} is on sale and has no stock in Redis; run rebuild_stock {activity_id}"


@make_check("S8", When.ALWAYS, _("Redis knows nothing of an archived activity"))
def archived_is_gone() -> Iterator[str]:
    for page in _pages_of_activities(OVER):
        # While a count is due its keys are still on their way out.
        gone = [row.activity_id for row in _archived(page) if not row.recounts_due]
        by_partition: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for activity_id in gone:
            for partition, key in all_keys_of(activity_id):
                by_partition[partition].append((activity_id, key))
        for partition, keys in by_partition.items():
            pipeline = ledger(partition).pipeline(transaction=False)
            for _activity_id, key in keys:
                pipeline.exists(key)
            for (activity_id, key), is_there in zip(keys, pipeline.execute(), strict=True):
                if is_there:
                    advice = f"run archive_activities --again {activity_id}"
                    yield f"activity {activity_id} is archived and Redis has {key}; {advice}"


@make_check("S9", When.ALWAYS, _("a receiving process that answers from memory has heard what changed in the sales"))
def news_are_heard() -> Iterator[str]:
    """By what it said last, and when: what came later, or was trimmed since, isn't held against it."""
    said: Any = ledger().hgetall(READERS_KEY)
    readers = {name.decode(): json.loads(text) for name, text in said.items()}
    for partition in range(partition_count()):
        # No position: it knows that it doesn't know, and answers nothing from memory.
        heard = {name: known["read"].get(str(partition)) for name, known in readers.items()}
        pipeline = ledger(partition).pipeline(transaction=False)
        trusting = [name for name, last in heard.items() if last]
        for name in trusting:
            pipeline.xrange(news_key(partition), min=f"({heard[name]}", count=1)
        for name, unread in zip(trusting, pipeline.execute(), strict=True):
            for entry_id, _fields in unread:
                seconds = readers[name]["at"] - int(entry_id.split(b"-")[0]) / 1000
                if seconds > UNREAD_NEWS_SECONDS:
                    late = f"hadn't read the news of partition {partition} after {seconds:.0f} s"
                    yield f"receiving process {name} answers from memory and {late}: restart it"


CHECKS = [
    stock_adds_up,
    stock_matches_orders,
    nothing_oversold,
    nothing_undersold,
    copy_matches_redis,
    ledger_is_complete,
    stock_key_is_there,
    archived_is_gone,
    news_are_heard,
]
