"""Recomputes an activity's stock, holds and limits in Redis from its orders, while nobody can buy."""

from dataclasses import dataclass

from pgs_data.locks import Lease
from pgs_data.redis.partitions import partition_of, partitions_of, spread_of
from pgs_task.reconciliation.drained import last_entry, wait_until_drained
from pgs_task.reconciliation.group_rebuild import GroupsOutdated, restore_groups
from pgs_task.reconciliation.scripts import restore_stock, set_stock_aside
from pgs_task.reconciliation.stock_counting import count_orders, settle_what_moved
from pgs_task.stock_sync.lost_stock import REBUILD_ACTOR, STOCK_LOST, WATCH_ACTOR, rebuild_lock
from pgs_web.display.activity.errors import WrongActivityState
from pgs_web.display.activity.models import Activity, ActivityLog, ActivityStock
from pgs_web.display.activity.selectors import find_archived
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.stock.sales import align_sale, pause_sale, resume_sale
from pgs_web.trade.stock.scripts import Bucket
from pgs_web.trade.stock.services import make_buckets

# The database's copy may be some changes behind what Redis had: the new version must be above both.
VERSION_LEAP = 1_000_000
ON_SALE = frozenset({ActivityState.SCHEDULED, ActivityState.RUNNING})
NEVER_ON_SALE = frozenset({ActivityState.DRAFT, ActivityState.IN_REVIEW})


class RebuildFailed(RuntimeError):
    """The stock could not be rebuilt; the activity stays paused, nothing was sold meanwhile."""


@dataclass(frozen=True)
class RebuiltStock:
    """What Redis has now; `is_on_sale` says whether shoppers can buy (within the activity's window)."""

    activity_id: int
    total: int
    remain: int
    lock: int
    sold: int
    orders: int
    groups: int
    is_on_sale: bool


def rebuild_stock(
    *, activity_id: int, drain_seconds: float = 30, total: int | None = None, resume: bool = False
) -> RebuiltStock:
    """Pauses the activity, waits for its orders to be written down, counts them, and opens it again.

    It is opened when it was on sale, or was paused for nothing but this: by a rebuild that died or by the watch over
    lost stocks; `resume` opens it whoever paused it. `total` replaces a total that is lost or too small. Costs the
    activity's orders. Raises RebuildFailed, LockHeld, LeaseLost, SaleBusy, Activity.DoesNotExist and outages.

    Dies in between: the activity is paused without a stock, so nothing is sold, and the same call again finishes it.
    Messages of its orders wait in the outbox meanwhile (no stock: retried later), or find nothing and are gone;
    either way the orders themselves are what counts.
    """
    activity = Activity.objects.select_related("sku__product").get(pk=activity_id)
    if activity.state in NEVER_ON_SALE:
        raise RebuildFailed(f"Activity {activity_id} is {activity.state}: it has no stock before it is approved.")
    with rebuild_lock(activity_id) as lease:
        activity.refresh_from_db()
        if find_archived([activity_id]):
            raise RebuildFailed(
                f"Activity {activity_id} is archived: it is over, and its figures are counted from its orders into the"
                f" database. manage.py archive_activities --again {activity_id} counts them anew."
            )
        opens = resume or activity.state in ON_SALE or _was_paused_for_this(activity)
        if activity.state in ON_SALE:
            pause_sale(activity_id=activity_id, actor=REBUILD_ACTOR, reason="the stock is recomputed")
        _wait_for_drain(activity_id, drain_seconds, lease)
        known_total, version = _set_aside(activity, lease)
        # Somebody may have opened the gate while we waited: only without a stock nobody comes in between.
        _wait_for_drain(activity_id, drain_seconds, lease)
        rebuilt = _restore(activity, lease, total=known_total if total is None else total, version=version)
        settle_what_moved(activity_id)
        is_on_sale = _open(activity_id) if opens else align_sale(activity_id).state in ON_SALE
    return RebuiltStock(**rebuilt, is_on_sale=is_on_sale)


def _was_paused_for_this(activity: Activity) -> bool:
    """Whether the last pause was a rebuild's, which then died, or that of the watch over lost stocks."""
    if activity.state != ActivityState.PAUSED:
        return False
    pauses = ActivityLog.objects.filter(activity_id=activity.pk, to_state=ActivityState.PAUSED)
    last = pauses.exclude(from_state=ActivityState.PAUSED).order_by("-id").first()
    if last is None:
        return False
    return last.actor == REBUILD_ACTOR or (last.actor == WATCH_ACTOR and last.reason == STOCK_LOST)


def _wait_for_drain(activity_id: int, seconds: float, lease: Lease) -> None:
    for partition in partitions_of(activity_id):
        newest = last_entry(partition)
        if newest is None:
            continue
        left = wait_until_drained(partition, until=newest, seconds=seconds, lease=lease)
        if left:
            raise RebuildFailed(
                f"{left} orders of partition {partition} are not in a database yet. Start the drain (manage.py"
                " drain_orders), or wait for the node that is away, and run this again; until then nobody can buy."
            )


def _set_aside(activity: Activity, lease: Lease) -> tuple[int, int]:
    """Takes the stock away; returns its total and a version above every one that it had."""
    total: int | None = None
    versions: list[int | None] = []
    for bucket, partition in enumerate(partitions_of(activity.pk)):
        lease.extend()
        word, kept, version = set_stock_aside(
            activity_id=activity.pk, partition=partition, fence=lease.fence, is_sure=False
        )
        if word == "OUTDATED":
            # Either our lease is over, which this raises, or the numbers of leases began anew with another Redis.
            lease.extend()
            _word, kept, version = set_stock_aside(
                activity_id=activity.pk, partition=partition, fence=lease.fence, is_sure=True
            )
        versions.append(version)
        # The home's says the total of all buckets.
        total = total if bucket else kept
    version = None if None in versions else sum(known or 0 for known in versions)
    copy = ActivityStock.objects.filter(activity_id=activity.pk).first()
    latest = max(version or 0, copy.version if copy else 0)
    if total is None or (copy and (version is None or version < copy.version)):
        total = copy.total if copy else activity.stock_total
    return total, latest + VERSION_LEAP


def _restore(activity: Activity, lease: Lease, *, total: int, version: int) -> dict[str, int]:
    counted = count_orders(activity.pk, lease)
    lock, sold = sum(one.lock for one in counted), sum(one.sold for one in counted)
    remain = total - lock - sold
    if remain < 0:
        raise RebuildFailed(
            f"The orders of activity {activity.pk} have {lock + sold} units, its total is {total}:"
            f" oversold by {-remain}. Cancel orders, or run this again with --total; until then nobody can buy."
        )
    try:
        groups = restore_groups(activity, lease)
    except GroupsOutdated as error:
        raise _overtaken(activity.pk) from error
    lease.extend()
    for (bucket, units), of_bucket in zip(_buckets(activity.pk, total=total, remain=remain), counted, strict=True):
        figures = [units + of_bucket.lock + of_bucket.sold, units, of_bucket.lock, of_bucket.sold, version]
        if restore_stock(activity_id=activity.pk, bucket=bucket, fence=lease.fence, figures=figures) != "RESTORED":
            raise _overtaken(activity.pk)
    return {
        "activity_id": activity.pk,
        "total": total,
        "remain": remain,
        "lock": lock,
        "sold": sold,
        "orders": sum(one.orders for one in counted),
        "groups": groups,
    }


def _buckets(activity_id: int, *, total: int, remain: int) -> list[tuple[Bucket, int]]:
    """The activity's buckets, mostly one, each with the units that remain in it."""
    if spread_of(activity_id) == 1:
        return [(Bucket(partition_of(activity_id), None, ""), remain)]
    return make_buckets(activity_id, total=total, units=remain)


def _overtaken(activity_id: int) -> RebuildFailed:
    return RebuildFailed(
        f"Somebody else rebuilt or loaded the stock of activity {activity_id} meanwhile, or Redis lost it once more."
        " Run check_invariants; if it complains, run this again."
    )


def _open(activity_id: int) -> bool:
    try:
        return (
            resume_sale(activity_id=activity_id, actor=REBUILD_ACTOR, reason="the stock was recomputed").state
            in ON_SALE
        )
    except WrongActivityState:
        # Its end came, or it was withdrawn, while its stock was counted.
        return False
