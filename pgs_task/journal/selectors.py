"""Reads of the journal."""

from collections.abc import Collection, Iterable

from django.db.models import F, Sum

from pgs_data.sharding.slots import alias_of_id
from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.models import JournalEntry


def moved_by_cause(*, payment_id: int) -> dict[MovementCause, int]:
    """Fen that moved for a payment, by cause; one index read on its node."""
    return moved_by_payment(alias=alias_of_id(payment_id), payment_ids=[payment_id]).get(payment_id, {})


def moved_by_payment(*, alias: str, payment_ids: Collection[int]) -> dict[int, dict[MovementCause, int]]:
    """The same for payments of one node, a few hundred at once; one that moved nothing is missing."""
    rows = (
        JournalEntry.objects.on_node(alias)
        .filter(payment_id__in=list(payment_ids), line=1)
        .values_list("payment_id", "cause")
        .annotate(fen=Sum(F("debit_fen") + F("credit_fen")))
        .order_by()
    )
    moved: dict[int, dict[MovementCause, int]] = {}
    for payment_id, cause, fen in rows:
        moved.setdefault(payment_id, {})[MovementCause(cause)] = fen
    return moved


def written_references(*, alias: str, causes: Iterable[MovementCause], references: Iterable[str]) -> set[str]:
    """Which of the references stand on this node under one of the causes; give it a few hundred at once."""
    rows = JournalEntry.objects.on_node(alias).filter(cause__in=list(causes), reference__in=list(references), line=1)
    return set(rows.values_list("reference", flat=True))
