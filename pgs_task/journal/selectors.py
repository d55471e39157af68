"""Reads of the journal."""

from collections.abc import Collection

from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.models import JournalEntry


def booked_fees(*, alias: str, references: Collection[str]) -> dict[str, int]:
    """Reference → fen that a gateway kept, of movements on one node; give it a few hundred at once."""
    fees = JournalEntry.objects.on_node(alias).filter(cause=MovementCause.FEE, reference__in=list(references), line=1)
    return dict(fees.values_list("reference", "debit_fen"))


def written_references(*, alias: str, causes: Collection[MovementCause], references: Collection[str]) -> set[str]:
    """Which of the references stand on this node under one of the causes; give it a few hundred at once."""
    rows = JournalEntry.objects.on_node(alias).filter(cause__in=causes, reference__in=references, line=1)
    return set(rows.values_list("reference", flat=True))
