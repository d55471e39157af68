"""Copies the stock of activities that changed from Redis to the database, and watches that no stock key is lost."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from pgs_data.locks import FencedLock, Lease
from pgs_data.redis.clock import ledger_now_ms
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count
from pgs_task.stock_sync.scripts import forget_copied
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.services import StockCopy, finish_stock_pass, pause_activity, record_stocks
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.stock.errors import ActivityOver, StockMissing
from pgs_web.trade.stock.keys import changed_key
from pgs_web.trade.stock.selectors import read_stocks
from pgs_web.trade.stock.services import set_activity_gate

log = structlog.get_logger(__name__)

LOCK_MS = 30_000
# Activities in one round: one read a partition and two UPDATEs.
PAGE = 500
# Rounds of one partition in a pass: an activity that changes all the time must not keep the others waiting.
ROUNDS = 20
WATCHED = (ActivityState.SCHEDULED, ActivityState.RUNNING)


@dataclass
class SyncReport:
    copied: int = 0
    forgotten: int = 0


def sync_stocks() -> SyncReport:
    """Copies what changed since the last pass; costs what changed. Raises LockHeld when another pass is under way.

    Dies between the copy and the forgetting: the activity stays on the list and is copied again, with the same values.
    A pass that was paused for longer than its lease writes with an old fence, which the rows refuse.
    """
    report = SyncReport()
    with FencedLock("stock_sync", ttl_ms=LOCK_MS) as lease:
        as_of = _ledger_now()
        # Every partition is synchronised, whatever the others had left.
        left = [partition for partition in range(partition_count()) if not _sync_partition(partition, lease, report)]
        if not left:
            finish_stock_pass(as_of=as_of, fence=lease.fence)
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
        stocks = read_stocks(activity_ids)
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
        versions = {activity_id: stock.version for activity_id, stock in stocks.items()}
        copied = [(activity_id, versions.get(activity_id)) for activity_id in activity_ids]
        report.forgotten += forget_copied(partition=partition, copied=copied)
    return False


def watch_stock_keys() -> list[int]:
    """Pauses activities on sale whose stock key is gone, so that operators see it; their ids.

    Admission refuses them already, because its script finds no stock. Never loads a stock: in the middle of a sale
    the database's copy is older than what was sold; `manage.py rebuild_stock` counts the orders instead.
    """
    lost: list[int] = []
    last_id = 0
    on_sale = Activity.objects.filter(state__in=WATCHED).order_by("id").values_list("id", flat=True)
    while page := list(on_sale.filter(id__gt=last_id)[:PAGE]):
        last_id = page[-1]
        lost += sorted(set(page) - read_stocks(page).keys())
    for activity_id in lost:
        _pause(activity_id)
    return lost


def _pause(activity_id: int) -> None:
    log.error("stock_key_lost", activity_id=activity_id, advice="manage.py rebuild_stock")
    pause_activity(activity_id=activity_id, actor="clock", reason="the stock key is gone: rebuild_stock")
    try:
        set_activity_gate(activity_id=activity_id, state=ActivityState.PAUSED)
    except (StockMissing, ActivityOver):
        # No facts either, or over: nobody can buy in both cases.
        return


def _ledger_now() -> datetime:
    return datetime.fromtimestamp(ledger_now_ms() / 1000, tz=UTC)
