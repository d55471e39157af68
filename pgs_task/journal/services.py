"""Writes movements of money down, as balanced rows, inside the transaction that moves the money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.transactions import node_transaction
from pgs_task.journal.accounts import MovementCause, sides_of
from pgs_task.journal.errors import NotAMovement
from pgs_task.journal.models import JournalEntry


@dataclass(frozen=True, kw_only=True)
class Movement:
    """`amount_fen` that moved for one cause at a gateway; `reference` tells it from all others of this cause."""

    payment_id: int
    order_id: int
    gateway: str
    cause: MovementCause
    reference: str
    amount_fen: int
    at: datetime


def record_movement(
    *,
    payment_id: int,
    order_id: int,
    gateway: str,
    cause: MovementCause,
    reference: str,
    amount_fen: int,
    at: datetime,
) -> None:
    """Writes the two rows of one movement on the payment's node, in the caller's transaction there.

    Raises IntegrityError when this cause and reference are written already: the caller counts money twice. Raises
    NotAMovement for an amount that isn't positive.
    """
    movement = Movement(
        payment_id=payment_id,
        order_id=order_id,
        gateway=gateway,
        cause=cause,
        reference=reference,
        amount_fen=amount_fen,
        at=at,
    )
    record_movements([movement])


def record_movements(movements: Sequence[Movement]) -> None:
    """Writes the rows of several movements of one node in one insert: all or none; raises like record_movement."""
    if not movements:
        return
    entries = [entry for movement in movements for entry in _entries_of(movement)]
    # By itself it would be atomic too; inside the caller's transaction it refuses another node's.
    with node_transaction(movements[0].payment_id):
        JournalEntry.objects.bulk_create(entries)


def _entries_of(movement: Movement) -> list[JournalEntry]:
    if movement.amount_fen <= 0 or not movement.reference:
        raise NotAMovement(f"{movement.cause} {movement.reference!r} of {movement.amount_fen} fen is no movement.")
    sides = sides_of(movement.cause, gateway=movement.gateway)
    return [
        JournalEntry(
            payment_id=movement.payment_id,
            order_id=movement.order_id,
            cause=movement.cause,
            reference=movement.reference,
            line=line,
            account=account,
            debit_fen=debit_fen,
            credit_fen=credit_fen,
            at=movement.at,
            recorded_at=DatabaseNow(),
        )
        for line, account, debit_fen, credit_fen in (
            (1, sides.debit, movement.amount_fen, 0),
            (2, sides.credit, 0, movement.amount_fen),
        )
    ]
