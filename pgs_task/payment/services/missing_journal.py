"""Writes the journal of payments and refunds that were booked before there was one."""

from collections.abc import Iterable, Iterator

from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.selectors import booked_fees, written_references
from pgs_task.journal.services import Movement, record_movements
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.services.books import fee_reference, movements_of_payment, movements_of_refund
from pgs_task.payment.states import TAKEN, RefundState

ROWS_A_TRANSACTION = 200


def write_missing_journal() -> int:
    """Movements written now; repeatable, and 0 when none is missing. Fees are those of today's settings.

    One transaction a page of 200 rows. It holds the locks of the page's payments, as a booking would: none is written
    twice, also while the shop lives on. Dying in between leaves pages that the next run doesn't find missing.
    """
    return sum(_write_on_node(alias) for alias in node_aliases())


def _write_on_node(alias: str) -> int:
    # Payments first: the fee that a refund gives back is part of what the payment paid.
    written = sum(_write_payments(alias, ids) for ids in _pages_of_payments(alias))
    return written + sum(_write_refunds(alias, refunds) for refunds in _pages_of_refunds(alias))


def _write_payments(alias: str, ids: list[int]) -> int:
    with node_transaction(alias):
        payments = list(_locked(alias, ids))
        known = written_references(
            alias=alias,
            causes=[MovementCause.PAID, MovementCause.LATE_PAID],
            references=[str(payment.pk) for payment in payments],
        )
        movements: list[Movement] = []
        for payment in payments:
            if str(payment.pk) in known or payment.paid_at is None:
                continue
            cause = MovementCause.PAID if payment.has_paid else MovementCause.LATE_PAID
            movements += movements_of_payment(payment=payment, cause=cause, at=payment.paid_at)
        record_movements(movements)
    return len(movements)


def _write_refunds(alias: str, refunds: list[Refund]) -> int:
    with node_transaction(alias):
        payments = {payment.pk: payment for payment in _locked(alias, [refund.payment_id for refund in refunds])}
        known = written_references(
            alias=alias,
            causes=[MovementCause.REFUNDED, MovementCause.RETURNED],
            references=[refund.refund_no for refund in refunds],
        )
        fees = booked_fees(
            alias=alias, references=[fee_reference(payments[refund.payment_id], refund) for refund in refunds]
        )
        found: list[Movement] = []
        for refund in refunds:
            if refund.refund_no not in known and refund.finished_at is not None:
                payment = payments[refund.payment_id]
                found += movements_of_refund(payment=payment, fees=fees, refund=refund, at=refund.finished_at)
        record_movements(found)
    return len(found)


def _locked(alias: str, ids: list[int]) -> Iterable[Payment]:
    return Payment.objects.on_node(alias).select_for_update().filter(pk__in=ids).order_by("pk")


def _pages_of_payments(alias: str) -> Iterator[list[int]]:
    last_id = 0
    taken = Payment.objects.on_node(alias).filter(state__in=TAKEN).order_by("pk").values_list("pk", flat=True)
    while page := list(taken.filter(pk__gt=last_id)[:ROWS_A_TRANSACTION]):
        last_id = page[-1]
        yield page


def _pages_of_refunds(alias: str) -> Iterator[list[Refund]]:
    last_id = 0
    done = Refund.objects.on_node(alias).filter(state=RefundState.SUCCEEDED).order_by("pk")
    while page := list(done.filter(pk__gt=last_id)[:ROWS_A_TRANSACTION]):
        last_id = page[-1].pk
        yield page
