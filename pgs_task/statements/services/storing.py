"""Keeps what a comparison found: the same day compared again changes rows and adds none twice."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from django.db import transaction

from pgs_task.statements.comparison import Difference, StatementComparison
from pgs_task.statements.models import StatementDay, StatementDifference
from pgs_task.statements.states import DayState, DifferenceState

LONGEST_ERROR = 300
BY_COMPARISON = "comparison"
# compared_at of a day that never was.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def store_comparison(*, comparison: StatementComparison, began_at: datetime, is_uploaded: bool = False) -> StatementDay:
    """Stores a comparison that began at `began_at` on the database's clock; one that began earlier is left as it is.

    A difference that was worked off stays so while it is the same to the fen. An open one that isn't found any more is
    GONE; one that comes back, or changes, is OPEN. One transaction in `default`, which waits for an operator's act on
    the same rows.
    """
    with transaction.atomic(using="default"):
        statement = _lock_day(gateway=comparison.gateway, day=comparison.day, now=began_at)
        if statement.compared_at > began_at:
            return statement
        known = list(StatementDifference.objects.select_for_update().filter(statement=statement))
        _merge(statement, known, comparison, began_at)
        statement.is_uploaded = is_uploaded
        statement.compared_at = statement.tried_at = began_at
        statement.error = ""
        for name in (
            *("their_lines", "their_paid_fen", "their_refunded_fen", "their_fee_fen"),
            *("our_lines", "our_paid_fen", "our_refunded_fen", "difference_count"),
        ):
            setattr(statement, name, getattr(comparison, name))
        statement.state = state_of(statement, is_complete=comparison.is_complete)
        statement.save()
    return statement


def store_failure(*, gateway: str, day: date, error: str, began_at: datetime) -> StatementDay:
    """Notes that a day's statement couldn't be compared; what was known of the day stays."""
    with transaction.atomic(using="default"):
        statement = _lock_day(gateway=gateway, day=day, now=began_at)
        statement.tried_at = max(statement.tried_at, began_at)
        statement.error = error[:LONGEST_ERROR]
        statement.save(update_fields=["tried_at", "error"])
    return statement


def state_of(statement: StatementDay, *, is_complete: bool = True) -> DayState:
    """FITS, DIFFERS or EXPLAINED, by the differences that stand in the database now."""
    if statement.difference_count == 0:
        return DayState.FITS
    if not is_complete or statement.differences.filter(state=DifferenceState.OPEN).exists():
        return DayState.DIFFERS
    return DayState.EXPLAINED


def _lock_day(*, gateway: str, day: date, now: datetime) -> StatementDay:
    # The unique index decides who makes the row; a comparison that never ended left it FAILED.
    StatementDay.objects.get_or_create(
        gateway=gateway, day=day, defaults={"state": DayState.FAILED, "compared_at": NEVER, "tried_at": now}
    )
    return StatementDay.objects.select_for_update().get(gateway=gateway, day=day)


def _merge(
    statement: StatementDay, known: Iterable[StatementDifference], comparison: StatementComparison, now: datetime
) -> None:
    found = dict(comparison.kept)
    changed: list[StatementDifference] = []
    for row in known:
        difference = found.pop((row.kind, row.line, row.payment_id, row.number), None)
        if difference is not None:
            if row.state == DifferenceState.GONE or (row.our_fen, row.their_fen) != _amounts(difference):
                row.our_fen, row.their_fen = _amounts(difference)
                row.state, row.settled_at, row.settled_by, row.reason = DifferenceState.OPEN, None, "", ""
                changed.append(row)
        elif row.state == DifferenceState.OPEN and comparison.is_complete:
            row.state, row.settled_at, row.settled_by = DifferenceState.GONE, now, BY_COMPARISON
            changed.append(row)
    StatementDifference.objects.bulk_update(
        changed, ["our_fen", "their_fen", "state", "settled_at", "settled_by", "reason"], batch_size=500
    )
    StatementDifference.objects.bulk_create(
        [_row_of(statement, difference, now) for difference in found.values()], batch_size=500
    )


def _amounts(difference: Difference) -> tuple[int, int]:
    return difference.our_fen, difference.their_fen


def _row_of(statement: StatementDay, difference: Difference, now: datetime) -> StatementDifference:
    return StatementDifference(
        statement=statement,
        kind=difference.kind,
        line=difference.line,
        payment_id=difference.payment_id,
        number=difference.number,
        our_fen=difference.our_fen,
        their_fen=difference.their_fen,
        state=DifferenceState.OPEN,
        found_at=now,
    )
