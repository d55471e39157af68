"""Reads of compared days and differences."""

from datetime import date

from pgs_task.payment.gateways.statement_days import day_bounds
from pgs_task.statements.comparison import Difference, StatementComparison
from pgs_task.statements.models import StatementDay, StatementDifference
from pgs_task.statements.states import DifferenceState


def unexplained(comparison: StatementComparison) -> list[Difference]:
    """The kept differences of a comparison that nobody has worked off as they are, to the fen; one query."""
    if not comparison.kept:
        return []
    rows = StatementDifference.objects.filter(
        statement__gateway=comparison.gateway, statement__day=comparison.day, state=DifferenceState.RESOLVED
    ).values_list("kind", "line", "payment_id", "number", "our_fen", "their_fen")
    explained = set(rows)
    return [
        difference
        for difference in comparison.differences
        if (*difference.key, difference.our_fen, difference.their_fen) not in explained
    ]


def find_whole_day(*, gateway: str, day: date) -> StatementDay | None:
    """The day as it was compared after it had ended; None when it never was."""
    return StatementDay.objects.filter(gateway=gateway, day=day, compared_at__gte=day_bounds(day)[1]).first()
