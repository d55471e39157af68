"""The stock row of an activity that is over and archived: from then on counted from its orders, no copy any more."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef

from pgs_data.clock import DatabaseNow
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.display.activity.states import OVER


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalStock:
    """Units of an archived activity's orders; `recounts` and `version`: what the row said before they were counted."""

    activity_id: int
    lock: int
    sold: int
    recounts: int
    version: int


def archive_stock(*, activity_id: int, version: int) -> bool:
    """Archives the row, with a count due, if the activity is over and the copy is of this version; for good.

    From here on no copy of Redis overwrites it. False: somebody was first, or the stock has changed.
    """
    is_over = Exists(Activity.objects.filter(pk=OuterRef("pk"), state__in=OVER))
    rows = ActivityStock.objects.filter(is_over, pk=activity_id, version=version, archived_at__isnull=True)
    return rows.update(archived_at=DatabaseNow(), recounts_due=F("recounts_due") + 1) == 1


def ask_recounts(activity_ids: Iterable[int]) -> set[int]:
    """Those of these activities that are archived; each is counted anew soon. It may be asked for again and again."""
    archived = ActivityStock.objects.filter(pk__in=set(activity_ids), archived_at__isnull=False)
    found = set(archived.values_list("pk", flat=True))
    if found:
        # Nothing leads back from archived: whoever was found is marked.
        archived.filter(pk__in=found).update(recounts_due=F("recounts_due") + 1)
    return found


def record_final_stock(stock: FinalStock) -> bool:
    """Writes what was counted; False when another count was asked for or written meanwhile: then it is still due."""
    rows = ActivityStock.objects.filter(
        pk=stock.activity_id, archived_at__isnull=False, recounts_due=stock.recounts, version=stock.version
    )
    remain = F("total") - stock.lock - stock.sold
    return (
        rows.update(
            remain=remain,
            lock=stock.lock,
            sold=stock.sold,
            version=F("version") + 1,
            recounts_due=0,
            synced_at=DatabaseNow(),
        )
        == 1
    )
