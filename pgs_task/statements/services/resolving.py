"""Works a difference off: an operator has found out what happened, and says so."""

from django.db import transaction

from pgs_data.clock import DatabaseNow
from pgs_task.statements.errors import DifferenceSettled
from pgs_task.statements.models import StatementDay, StatementDifference
from pgs_task.statements.services.storing import state_of
from pgs_task.statements.states import DifferenceState


def resolve_difference(*, difference_id: int, reason: str, actor: str) -> StatementDifference:
    """OPEN → RESOLVED, once; raises DifferenceSettled for any other, also when two operators press at once.

    It changes no money and no book: what has to be paid, refunded or written is done where that is done. The last open
    one of a day makes the day EXPLAINED.
    """
    with transaction.atomic(using="default"):
        difference = StatementDifference.objects.filter(pk=difference_id).first()
        if difference is None:
            raise DifferenceSettled
        # The day first, as a comparison locks them.
        statement = StatementDay.objects.select_for_update().get(pk=difference.statement_id)
        moved = StatementDifference.objects.filter(pk=difference_id, state=DifferenceState.OPEN).update(
            state=DifferenceState.RESOLVED,
            settled_at=DatabaseNow(),
            settled_by=actor,
            reason=reason,
        )
        if moved != 1:
            raise DifferenceSettled
        kept = statement.differences.exclude(state=DifferenceState.GONE).count()
        state = state_of(statement, is_complete=kept >= statement.difference_count)
        if state != statement.state:
            StatementDay.objects.filter(pk=statement.pk).update(state=state)
    return StatementDifference.objects.get(pk=difference_id)
