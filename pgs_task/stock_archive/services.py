"""Takes what Redis has of finished activities away, so that the ledger is as large as the shop's present, not its past.

An activity is archived by one UPDATE of its stock row; from then on the orders say what its figures are, not Redis.
What follows may be done twice, late, or by somebody else: its keys go, its units are counted from the orders.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings

from pgs_data.clock import database_now
from pgs_data.locks import LockHeld
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import has_own_redis, partitions_of
from pgs_task.stock_archive.conditions import count_units, why_not_yet
from pgs_task.stock_archive.keys import LOOKED_UP_TO_KEY
from pgs_task.stock_archive.scripts import forget_activity
from pgs_task.stock_sync.lost_stock import rebuild_lock
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.display.activity.services import FinalStock, archive_stock, ask_recounts, record_final_stock
from pgs_web.display.activity.states import OVER
from pgs_web.trade.stock.sales import sale_lock

log = structlog.get_logger(__name__)

# As long as a claim can be found (claim_keys.lua): until then an order's repetition is answered from its hold.
LEAST_GRACE = timedelta(days=4)
# Stock rows that a pass looks at, and how many of them it archives at most: a second of work, whatever there is.
LOOKED_AT = 500
ARCHIVED_A_PASS = 50
COUNTED_A_PASS = 50


@dataclass
class ArchiveReport:
    archived: int = 0
    counted: int = 0


def archive_activities() -> ArchiveReport:
    """Archives activities that are over and of which nothing can move any more; costs the same in a shop of any size.

    First it finishes what others left: keys of archived activities go, figures are counted. Raises outages of the
    databases; one of a partition with a Redis of its own leaves its activities to the next pass.
    """
    report = ArchiveReport()
    report.counted += _finish_due()
    report.archived = _archive_idle()
    report.counted += _finish_due()
    return report


def _finish_due() -> int:
    due = ActivityStock.objects.filter(recounts_due__gt=0, archived_at__isnull=False).order_by("recounts_due", "pk")
    counted = 0
    for activity_id, recounts, version in due.values_list("pk", "recounts_due", "version")[:COUNTED_A_PASS]:
        with _apart(activity_id):
            counted += _finish(activity_id, recounts=recounts, version=version)
    return counted


def _finish(activity_id: int, *, recounts: int, version: int) -> bool:
    """Dying anywhere leaves the count due, and all of it is done again."""
    for partition in partitions_of(activity_id):
        if not forget_activity(activity_id=activity_id, partition=partition):
            log.error("archived_activity_open", activity_id=activity_id, partition=partition)
            return False
    for lock_of_activity in (sale_lock(activity_id), rebuild_lock(activity_id)):
        # Nobody steers or rebuilds it any more, so nobody compares these numbers.
        ledger().delete(lock_of_activity.fence_key)
    lock, sold = count_units(activity_id)
    return record_final_stock(
        FinalStock(activity_id=activity_id, lock=lock, sold=sold, recounts=recounts, version=version)
    )


def _archive_idle() -> int:
    grace = max(timedelta(seconds=settings.LEDGER_ARCHIVE_AFTER_SECONDS), LEAST_GRACE)
    before = database_now("default") - grace
    place = _read_place()
    idle = ActivityStock.objects.filter(archived_at__isnull=True, synced_at__lt=before).order_by("synced_at", "pk")
    if place is not None:
        idle = idle.filter(synced_at__gte=place[0]).exclude(synced_at=place[0], pk__lte=place[1])
    page = list(idle.values_list("pk", "synced_at")[:LOOKED_AT])
    over = set(
        Activity.objects.filter(
            pk__in=[activity_id for activity_id, _at in page], state__in=OVER, updated_at__lt=before
        ).values_list("pk", flat=True)
    )
    archived = 0
    last: tuple[datetime, int] | None = None
    for activity_id, synced_at in page:
        if activity_id in over:
            with _apart(activity_id):
                archived += archive_activity(activity_id)
        last = (synced_at, activity_id)
        if archived >= ARCHIVED_A_PASS:
            break
    else:
        # The end of the list, or a page of it; the next pass begins anew, or goes on.
        last = last if len(page) == LOOKED_AT else None
    _keep_place(last)
    return archived


def archive_activity(activity_id: int) -> bool:
    """Whether the activity is archived now; its keys and figures are the affair of the count that is due then.

    Nobody rebuilds its stock meanwhile. Dying before the UPDATE changes nothing, dying after it leaves the count due.
    """
    with rebuild_lock(activity_id):
        version, reason = why_not_yet(activity_id)
        if reason:
            log.info("activity_not_archived", activity_id=activity_id, reason=reason)
            return False
        return archive_stock(activity_id=activity_id, version=version)


def count_again(activity_id: int) -> bool:
    """Asks for another count of an archived activity's units, and for its keys to go should any have come back; whether
    it is archived."""
    return activity_id in ask_recounts([activity_id])


@contextmanager
def _apart(activity_id: int) -> Iterator[None]:
    """Others are not kept waiting by an activity that is being rebuilt or whose own Redis is away."""
    try:
        yield
    except LockHeld:
        log.info("activity_is_rebuilt", activity_id=activity_id)
    except RedisUnavailable as error:
        if not any(map(has_own_redis, partitions_of(activity_id))):
            raise
        log.warning("activity_left_to_next_pass", activity_id=activity_id, error=repr(error))


def _read_place() -> tuple[datetime, int] | None:
    """Where the last pass ended; two at once look at the same activities, which harms nobody."""
    kept: Any = ledger().get(LOOKED_UP_TO_KEY)
    if kept is None:
        return None
    at, _, activity_id = kept.decode().partition("|")
    return datetime.fromisoformat(at), int(activity_id)


def _keep_place(place: tuple[datetime, int] | None) -> None:
    if place is None:
        ledger().delete(LOOKED_UP_TO_KEY)
    else:
        ledger().set(LOOKED_UP_TO_KEY, f"{place[0].isoformat()}|{place[1]}")
