"""What the clock does to activities; the cost is what is due, found through (state, starts_at) and (state, ends_at)."""

from django.db import transaction
from django.db.models import Q

from pgs_data.clock import DatabaseNow
from pgs_web.display.activity.models import Activity, ActivityLog
from pgs_web.display.activity.states import MOVES, ActivityState

CLOCK = "clock"
LIMIT = 500


class ActivityMovedMeanwhile(RuntimeError):
    """A locked activity was moved by somebody else: the database does not lock as it should; all was rolled back."""


def start_due_activities(*, limit: int = LIMIT) -> list[int]:
    """SCHEDULED → RUNNING for those whose start has come, oldest first; their ids. Call again while it is full."""
    return _move_due(sources=[ActivityState.SCHEDULED], to=ActivityState.RUNNING, due="starts_at", limit=limit)


def end_due_activities(*, limit: int = LIMIT) -> list[int]:
    """RUNNING, PAUSED → ENDED for those whose end has come, oldest first; their ids. Call again while it is full."""
    sources = [ActivityState.RUNNING, ActivityState.PAUSED]
    return _move_due(sources=sources, to=ActivityState.ENDED, due="ends_at", limit=limit)


def _move_due(*, sources: list[ActivityState], to: ActivityState, due: str, limit: int) -> list[int]:
    assert all(to in MOVES[source] for source in sources)
    # Dying inside leaves everything as it was; after the commit the next pass finds nothing of this one.
    with transaction.atomic():
        rows = list(
            Activity.objects.select_for_update(skip_locked=True)
            .filter(Q(state__in=sources), Q((f"{due}__lte", DatabaseNow())))
            .order_by(due)
            .values_list("id", "state")[:limit]
        )
        if not rows:
            return []
        ids = [activity_id for activity_id, _state in rows]
        moved = Activity.objects.filter(id__in=ids, state__in=sources).update(state=to, updated_at=DatabaseNow())
        if moved != len(ids):
            raise ActivityMovedMeanwhile()
        ActivityLog.objects.bulk_create(
            ActivityLog(activity_id=activity_id, from_state=state, to_state=to, actor=CLOCK)
            for activity_id, state in rows
        )
    return ids
