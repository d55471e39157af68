"""What tests ask the journal."""

from django.db.models import F, Sum

from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.models import JournalEntry


def moved_by_cause(*, payment_id: int) -> dict[MovementCause, int]:
    """Fen that moved for a payment, by cause."""
    rows = JournalEntry.objects.filter(payment_id=payment_id, line=1).values_list("cause")
    sums = rows.annotate(fen=Sum(F("debit_fen") + F("credit_fen"))).order_by()
    return {MovementCause(cause): fen for cause, fen in sums}
