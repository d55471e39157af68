"""The one door of an activity's state, and the acts that go through it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Q

from pgs_data.clock import DatabaseNow, database_now
from pgs_web.api.errors import NotFound, Refusal
from pgs_web.display.activity.errors import (
    ActivityOutdated,
    ActivityTooLate,
    SameReviewer,
    refuse_state,
)
from pgs_web.display.activity.models import Activity, ActivityLog
from pgs_web.display.activity.rules import rules_of, validate_rules
from pgs_web.display.activity.services.withdrawals import ask_to_end_groups
from pgs_web.display.activity.states import MOVES, ActivityState

# Others who were first between our read and our UPDATE; each of them made a move, so this ends.
TRIES = 4
LONGEST_ACTOR = 80
LONGEST_REASON = 200
APPROVED = frozenset(MOVES) - {ActivityState.DRAFT, ActivityState.IN_REVIEW, ActivityState.WITHDRAWN}


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """What must be true of the row besides its state, in the same UPDATE, and what is refused when it isn't."""

    condition: Q
    refuse: Callable[[Activity], Refusal]


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One passage through the door: the states it may start from are narrowed by `sources`."""

    to: ActivityState
    sources: Collection[ActivityState] = frozenset(ActivityState)
    columns: dict[str, Any] = field(default_factory=dict)
    guard: Guard | None = None


def move_activity(*, activity_id: int, move: Move, actor: str, reason: str = "") -> bool:
    """Move on and log it in one transaction; False when it is there already; raises WrongActivityState or the guard's
    refusal. Dying before the commit leaves the old state without a log row, after it the new one with it."""
    with transaction.atomic():
        for _try in range(TRIES):
            activity = Activity.objects.filter(pk=activity_id).first()
            if activity is None:
                raise NotFound()
            if activity.state == move.to:
                return False
            old = ActivityState(activity.state)
            if old not in move.sources or move.to not in MOVES[old]:
                raise refuse_state(old, move.to)
            rows = Activity.objects.filter(pk=activity_id, state=old)
            guarded = rows.filter(move.guard.condition) if move.guard else rows
            if guarded.update(state=move.to, updated_at=DatabaseNow(), **move.columns):
                log_move(activity_id=activity_id, old=old, to=move.to, actor=actor, reason=reason)
                return True
            if move.guard and rows.exists():
                raise move.guard.refuse(activity)
    raise ActivityOutdated()


def log_move(*, activity_id: int, old: str, to: str, actor: str, reason: str) -> None:
    """Write the log row of a move inside the caller's transaction."""
    ActivityLog.objects.create(
        activity_id=activity_id,
        from_state=old,
        to_state=to,
        actor=actor[:LONGEST_ACTOR],
        reason=reason[:LONGEST_REASON],
    )


def submit_for_review(*, activity_id: int, actor: str) -> bool:
    """DRAFT → IN_REVIEW with its rules checked; raises ValidationError by field, ActivityOutdated when edited now."""
    activity = Activity.objects.select_related("sku__product__merchant").filter(pk=activity_id).first()
    if activity is None:
        raise NotFound()
    validate_rules(rules=rules_of(activity), sku=activity.sku)
    # The version ties the check above to the row that is submitted: an edit in between makes it another one.
    guard = Guard(condition=Q(rules_version=activity.rules_version), refuse=lambda _row: ActivityOutdated())
    move = Move(
        to=ActivityState.IN_REVIEW,
        sources={ActivityState.DRAFT},
        columns={"submitted_by": actor[:LONGEST_ACTOR]},
        guard=guard,
    )
    return move_activity(activity_id=activity_id, move=move, actor=actor)


def approve_activity(
    *, activity_id: int, actor: str, allow_same_person: bool = False, rules_version: int | None = None
) -> bool:
    """IN_REVIEW → SCHEDULED; False when approved before. Raises SameReviewer, ActivityTooLate, ActivityOutdated.

    `rules_version` is what the reviewer saw; `allow_same_person` is for commands and the demo, where nobody else is.
    """
    state = Activity.objects.filter(pk=activity_id).values_list("state", flat=True).first()
    if state in APPROVED:
        return False
    condition = Q(ends_at__gt=DatabaseNow())
    if not allow_same_person:
        condition &= ~Q(submitted_by=actor[:LONGEST_ACTOR])
    if rules_version is not None:
        condition &= Q(rules_version=rules_version)

    def refuse(activity: Activity) -> Refusal:
        if rules_version not in (None, activity.rules_version):
            return ActivityOutdated()
        if not allow_same_person and activity.submitted_by == actor[:LONGEST_ACTOR]:
            return SameReviewer()
        return ActivityTooLate()

    move = Move(
        to=ActivityState.SCHEDULED,
        sources={ActivityState.IN_REVIEW},
        guard=Guard(condition=condition, refuse=refuse),
    )
    return move_activity(activity_id=activity_id, move=move, actor=actor)


def return_to_draft(*, activity_id: int, actor: str, reason: str) -> bool:
    """IN_REVIEW → DRAFT: the reviewer says what to change."""
    return move_activity(activity_id=activity_id, move=Move(to=ActivityState.DRAFT), actor=actor, reason=reason)


def pause_activity(*, activity_id: int, actor: str, reason: str = "") -> bool:
    """SCHEDULED or RUNNING → PAUSED; False when it is paused already."""
    return move_activity(activity_id=activity_id, move=Move(to=ActivityState.PAUSED), actor=actor, reason=reason)


def resume_activity(*, activity_id: int, actor: str, reason: str = "") -> bool:
    """PAUSED → RUNNING, or SCHEDULED when its start is still ahead; False when it isn't paused any more."""
    activity = Activity.objects.filter(pk=activity_id).first()
    if activity is None:
        raise NotFound()
    if activity.state in {ActivityState.SCHEDULED, ActivityState.RUNNING}:
        return False
    # Chosen by a clock that moves on: SCHEDULED chosen a moment too early is started by the timetable.
    to = ActivityState.SCHEDULED if activity.starts_at > database_now("default") else ActivityState.RUNNING
    move = Move(to=to, sources={ActivityState.PAUSED})
    return move_activity(activity_id=activity_id, move=move, actor=actor, reason=reason)


def end_activity(*, activity_id: int, actor: str, reason: str = "") -> bool:
    """RUNNING or PAUSED → ENDED, also before its time; False when it has ended."""
    return move_activity(activity_id=activity_id, move=Move(to=ActivityState.ENDED), actor=actor, reason=reason)


def withdraw_activity(*, activity_id: int, actor: str, reason: str) -> bool:
    """Any state but ENDED → WITHDRAWN, for good, and its groups are to end; False when it is withdrawn already."""
    with transaction.atomic():
        moved = move_activity(
            activity_id=activity_id, move=Move(to=ActivityState.WITHDRAWN), actor=actor, reason=reason
        )
        if moved:
            ask_to_end_groups(activity_id)
    return moved
