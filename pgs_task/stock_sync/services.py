"""Copies the stock of activities that changed from Redis to the database, and watches that no stock key is lost."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from pgs_data.locks import FencedLock, Lease, LockHeld
from pgs_data.redis.clock import ledger_now_ms
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import has_own_redis, partition_count, partitions_of, spread_of
from pgs_task.stock_sync.lost_stock import STOCK_LOST, WATCH_ACTOR, rebuild_lock
from pgs_task.stock_sync.scripts import forget_copied
from pgs_web.display.activity.errors import WrongActivityState
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.services import StockCopy, finish_stock_pass, record_stocks
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.stock.errors import SaleBusy
from pgs_web.trade.stock.keys import changed_key
from pgs_web.trade.stock.sales import pause_sale
from pgs_web.trade.stock.selectors import Bucket, add_up, read_buckets, read_stocks

log = structlog.get_logger(__name__)

LOCK_MS = 30_000
# Activities in one round: one read a partition and two UPDATEs.
PAGE = 500
# Rounds of one partition in a pass: an activity that changes all the time must not keep the others waiting.
ROUNDS = 20
WATCHED = (ActivityState.SCHEDULED, ActivityState.RUNNING)
# Activities that one watch looks at: some 50 ms of work; the next one goes on after them. Every five seconds, so
# 100,000 activities are all seen within four minutes; admission refuses a lost one at once.
WATCHED_A_PASS = 2000
# Where the next watch goes on; forgotten, it begins anew.
WATCHED_UP_TO_KEY = "stock_watch:after"


@dataclass
class SyncReport:
    copied: int = 0
    forgotten: int = 0


def sync_stocks() -> SyncReport:
    """Copies what changed since the last pass; costs what changed. Raises LockHeld when another pass is under way.

    Raises RedisUnavailable; when only partitions with a Redis of their own are away, after the others were copied.

    Dies between the copy and the forgetting: the activity stays on the list and is copied again, with the same values.
    A pass that was paused for longer than its lease writes with an old fence, which the rows refuse.
    """
    report = SyncReport()
    outages: list[Exception] = []
    with FencedLock("stock_sync", ttl_ms=LOCK_MS) as lease:
        as_of = _ledger_now()
        is_complete = True
        # Every partition is synchronised, whatever the others had left.
        for partition in range(partition_count()):
            try:
                is_complete &= _sync_partition(partition, lease, report)
            except RedisUnavailable as error:
                if not has_own_redis(partition):
                    raise
                outages.append(error)
        if is_complete and not outages:
            finish_stock_pass(as_of=as_of, fence=lease.fence)
    if outages:
        raise outages[0]
    return report


def _sync_partition(partition: int, lease: Lease, report: SyncReport) -> bool:
    """Whether nothing was left on the partition's list."""
    key = changed_key(partition)
    for _ in range(ROUNDS):
        members: Any = ledger(partition).srandmember(key, PAGE)
        activity_ids = [int(member) for member in members]
        if not activity_ids:
            return True
        lease.extend()
        read_at = _ledger_now()
        buckets, away = _read_there(activity_ids)
        stocks = {activity_id: add_up(of_activity) for activity_id, of_activity in buckets.items()}
        known = set(Activity.objects.filter(id__in=list(stocks)).values_list("id", flat=True))
        copies = [
            StockCopy(
                activity_id=activity_id,
                total=stock.total,
                remain=stock.remain,
                lock=stock.lock,
                sold=stock.sold,
                version=stock.version,
            )
            for activity_id, stock in stocks.items()
            if activity_id in known
        ]
        report.copied += record_stocks(copies=copies, fence=lease.fence, read_at=read_at)
        # Still ours, so no row refused this fence: what is forgotten below was copied, or a later version was.
        lease.extend()
        # Of this partition's bucket: what changes in another one is on that one's list.
        versions = {
            activity_id: of_activity[partitions_of(activity_id).index(partition)].stock.version
            for activity_id, of_activity in buckets.items()
        }
        copied = [(activity_id, versions.get(activity_id)) for activity_id in activity_ids if activity_id not in away]
        report.forgotten += forget_copied(partition=partition, copied=copied)
        if away:
            # Each further look would cost one more timeout.
            break
    return False


def _read_there(activity_ids: Sequence[int]) -> tuple[dict[int, list[Bucket]], set[int]]:
    """The buckets, and the activities of which a bucket is away, in a Redis of its own; raises RedisUnavailable."""
    spread = [activity_id for activity_id in activity_ids if spread_of(activity_id) > 1]
    buckets = read_buckets(set(activity_ids) - set(spread))
    away: set[int] = set()
    for activity_id in spread:
        try:
            # One by one: LEDGER_SPREAD names few.
            buckets |= read_buckets([activity_id])
        except RedisUnavailable as error:
            if not any(map(has_own_redis, partitions_of(activity_id))):
                raise
            away.add(activity_id)
            log.warning("stock_not_copied", activity_id=activity_id, error=repr(error))
    return buckets, away


def watch_stock_keys() -> list[int]:
    """Pauses activities on sale whose stock key is gone, so that operators see it; their ids. Costs the same in a shop
    of any size: a pass looks at WATCHED_A_PASS of them, the next pass at those that follow.

    Admission refuses them already, because its script finds no stock. Never loads a stock: in the middle of a sale
    the database's copy is older than what was sold; `manage.py rebuild_stock` counts the orders instead. A stock that
    can't be looked at, because its partition's own Redis is away, is not lost; raises RedisUnavailable for the others.
    """
    lost: list[int] = []
    # Only where to go on is shared with other watches: two at once look at the same activities, which harms nobody.
    last_id = int(ledger().get(WATCHED_UP_TO_KEY) or 0)
    on_sale = Activity.objects.filter(state__in=WATCHED).order_by("id").values_list("id", flat=True)
    for _ in range(WATCHED_A_PASS // PAGE):
        page = list(on_sale.filter(id__gt=last_id)[:PAGE])
        missing = _without_stock(page)
        lost += [activity_id for activity_id in missing if _pause_if_lost(activity_id)]
        if len(page) < PAGE:
            last_id = 0
            break
        last_id = page[-1]
    # Dying before it repeats the look.
    ledger().set(WATCHED_UP_TO_KEY, last_id)
    return lost


def _without_stock(activity_ids: list[int]) -> list[int]:
    apart: dict[int, list[int]] = defaultdict(list)
    together: list[int] = []
    for activity_id in activity_ids:
        own = next(filter(has_own_redis, partitions_of(activity_id)), None)
        (together if own is None else apart[own]).append(activity_id)
    missing = set(together) - read_stocks(together).keys()
    for partition, ids in apart.items():
        try:
            missing.update(set(ids) - read_stocks(ids).keys())
        except RedisUnavailable as error:
            log.warning("stock_not_watched", partition=partition, activities=len(ids), error=repr(error))
    return sorted(missing)


def _pause_if_lost(activity_id: int) -> bool:
    """Whether the stock is lost and the activity was paused; one that is being rebuilt is no loss.

    Dies in between: the activity is still on sale without a stock, and the next look finds it.
    """
    try:
        with rebuild_lock(activity_id):
            # Since the look a rebuild may have come to its end: only what is missing under its lock is lost.
            if activity_id in read_stocks([activity_id]):
                return False
            log.error("stock_key_lost", activity_id=activity_id, advice="manage.py rebuild_stock")
            pause_sale(activity_id=activity_id, actor=WATCH_ACTOR, reason=STOCK_LOST)
    except LockHeld:
        return False
    except (SaleBusy, WrongActivityState) as refusal:
        # Somebody changes it at this moment, or it has just ended: the next look decides, and the others go on.
        log.warning("lost_stock_not_paused", activity_id=activity_id, reason=str(refusal))
        return False
    return True


def _ledger_now() -> datetime:
    return datetime.fromtimestamp(ledger_now_ms() / 1000, tz=UTC)
