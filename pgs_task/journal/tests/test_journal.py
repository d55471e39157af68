"""Movements are written balanced, once, and never touched again; the chart says who owes whom after each."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.errors import CrossNodeTransaction
from pgs_data.sharding.slots import node_aliases, slot_map
from pgs_data.sharding.transactions import node_transaction
from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.errors import JournalIsAppendOnly, NotAMovement
from pgs_task.journal.models import JournalEntry
from pgs_task.journal.services import record_movement
from pgs_task.journal.tests.reading import moved_by_cause

pytestmark = pytest.mark.django_db(databases="__all__")
NOON = datetime(2026, 11, 11, 4, tzinfo=UTC)


def write(payment_id: int, cause: MovementCause, *, reference: str = "1", amount_fen: int = 990) -> None:
    record_movement(
        payment_id=payment_id,
        order_id=payment_id,
        gateway="sandbox",
        cause=cause,
        reference=reference,
        amount_fen=amount_fen,
        at=NOON,
    )


def balances(payment_id: int) -> dict[str, int]:
    """Debit minus credit by account, those at zero left out."""
    rows = JournalEntry.objects.filter(payment_id=payment_id).values_list("account")
    sums = rows.annotate(debit=Sum("debit_fen"), credit=Sum("credit_fen")).order_by()
    return {account: debit - credit for account, debit, credit in sums if debit != credit}


@pytest.mark.parametrize(
    ("causes", "left"),
    [
        ("PAID", {"gateway_clearing:sandbox": 990, "customer_deposits": -990}),
        ("PAID FEE", {"customer_deposits": -990, "fee_expense": 990}),
        ("LATE_PAID", {"gateway_clearing:sandbox": 990, "refunds_payable": -990}),
        ("LATE_PAID LATE_ACCEPTED", {"gateway_clearing:sandbox": 990, "customer_deposits": -990}),
        ("UNEXPECTED_PAID", {"gateway_clearing:sandbox": 990, "refunds_payable": -990}),
        ("PAID FEE REFUNDED FEE_RETURNED", {}),
        ("LATE_PAID RETURNED", {}),
        ("UNEXPECTED_PAID RETURNED", {}),
    ],
)
def test_what_is_owed_after_each_movement(causes, left):
    payment_id = new_id(slot=3)
    for cause in causes.split():
        write(payment_id, MovementCause(cause))
    assert balances(payment_id) == left
    assert moved_by_cause(payment_id=payment_id) == {MovementCause(cause): 990 for cause in causes.split()}


def test_a_movement_is_written_once():
    payment_id = new_id(slot=3)
    write(payment_id, MovementCause.PAID)
    with pytest.raises(IntegrityError), node_transaction(payment_id):
        write(payment_id, MovementCause.PAID)
    write(payment_id, MovementCause.PAID, reference="2")
    write(payment_id, MovementCause.REFUNDED)
    assert JournalEntry.objects.filter(payment_id=payment_id).count() == 6


def test_rows_live_with_their_payment_and_fall_with_its_transaction():
    first, other = (new_id(slot=slot_map().index(alias)) for alias in node_aliases()[:2])
    write(first, MovementCause.PAID)
    assert [JournalEntry.objects.on_node(alias).count() for alias in node_aliases()[:2]] == [2, 0]
    with pytest.raises(CrossNodeTransaction), node_transaction(other):
        write(first, MovementCause.REFUNDED)
    with node_transaction(first) as alias:
        write(first, MovementCause.REFUNDED)
        transaction.set_rollback(True, using=alias)
    assert moved_by_cause(payment_id=first) == {MovementCause.PAID: 990}


@pytest.mark.parametrize("wrong", [{"amount_fen": 0}, {"amount_fen": -1}, {"reference": ""}])
def test_what_is_no_movement_is_refused(wrong):
    with pytest.raises(NotAMovement):
        write(new_id(slot=3), MovementCause.PAID, **wrong)


@pytest.mark.parametrize(
    "meddle",
    [
        lambda rows: rows.update(credit_fen=1),
        lambda rows: rows.delete(),
        lambda rows: rows.bulk_update(list(rows), ["credit_fen"]),
        lambda rows: rows.update_or_create(payment_id=1, defaults={"line": 1}),
        lambda rows: rows.bulk_create(list(rows), update_conflicts=True, update_fields=["line"], unique_fields=["id"]),
        lambda rows: rows[0].save(),
        lambda rows: rows[0].delete(),
    ],
)
def test_no_row_is_changed_or_deleted(meddle):
    payment_id = new_id(slot=3)
    write(payment_id, MovementCause.PAID)
    rows = JournalEntry.objects.filter(payment_id=payment_id).order_by("line")
    with pytest.raises(JournalIsAppendOnly):
        meddle(rows)
    assert [(row.debit_fen, row.credit_fen) for row in rows.all()] == [(990, 0), (0, 990)]
