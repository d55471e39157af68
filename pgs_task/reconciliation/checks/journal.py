"""M6 to M8: the journal against payments and refunds, and against itself."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from django.db.models import Exists, F, OuterRef, Q, Sum
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.spans import key_spans, pages_by_span, sum_by_span
from pgs_task.journal.accounts import TAKEN_CAUSES, Account, MovementCause, clearing_account, sides_of
from pgs_task.journal.models import JournalEntry
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.states import TAKEN, RefundState
from pgs_task.reconciliation.contract import When, make_check

CHUNK = 500
# How a payment may have come to pay its order: in time, or late and accepted after all; how it didn't.
IN_TIME = (MovementCause.PAID,)
ACCEPTED_LATE = (MovementCause.LATE_ACCEPTED, MovementCause.LATE_PAID)
TOO_LATE = (MovementCause.LATE_PAID,)
GIVEN_BACK = (MovementCause.REFUNDED, MovementCause.RETURNED)


class Row(NamedTuple):
    """An entry as it should be; `fen` is positive for a debit."""

    cause: str
    payment_id: int
    reference: str
    account: str
    fen: int


@make_check(
    "M6", When.QUIET, _("each payment and refund stands in the journal once, to the fen, and nothing else does")
)
def journal_has_each_movement() -> Iterator[str]:
    for alias in node_aliases():
        for payments in pages_by_span(Payment.objects.on_node(alias).filter(state__in=TAKEN), size=CHUNK):
            yield from _offences_of_payments(alias, payments)
        for refunds in pages_by_span(Refund.objects.on_node(alias).filter(state=RefundState.SUCCEEDED), size=CHUNK):
            yield from _offences_of_refunds(alias, refunds)
        yield from _movements_of_nothing(alias)


def _offences_of_payments(alias: str, payments: list[Payment]) -> Iterator[str]:
    found: dict[int, list[Row]] = defaultdict(list)
    # By the payment and not by the reference: a second booking has another one.
    for row in _rows_of(
        alias, cause__in=[*IN_TIME, *ACCEPTED_LATE], payment_id__in=[payment.pk for payment in payments]
    ):
        found[row.payment_id].append(row)
    for payment in payments:
        ways = (IN_TIME, ACCEPTED_LATE) if payment.has_paid else (TOO_LATE,)
        reference, amount_fen = str(payment.pk), payment.amount_fen
        said = found[payment.pk]
        if said not in [_expected(way, payment.gateway, payment.pk, reference, amount_fen) for way in ways]:
            yield f"payment {payment.pk} on {alias} of {amount_fen} fen stands in the journal as {_say(said)}"


def _offences_of_refunds(alias: str, refunds: list[Refund]) -> Iterator[str]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in _rows_of(alias, cause__in=GIVEN_BACK, reference__in=[refund.refund_no for refund in refunds]):
        found[row.reference].append(row)
    payments = Payment.objects.on_node(alias).in_bulk([refund.payment_id for refund in refunds])
    for refund in refunds:
        # Money of another trade never paid an order, whatever its payment did.
        payment = payments.get(refund.payment_id)
        is_orders = refund.trade_no is None and payment is not None and payment.has_paid
        cause = MovementCause.REFUNDED if is_orders else MovementCause.RETURNED
        said = found[refund.refund_no]
        if said != _expected([cause], refund.gateway, refund.payment_id, refund.refund_no, refund.amount_fen):
            yield (
                f"payment {refund.payment_id} on {alias}: its refund {refund.refund_no} of {refund.amount_fen} fen"
                f" stands in the journal as {_say(said)}"
            )


def _expected(
    causes: Iterable[MovementCause], gateway: str, payment_id: int, reference: str, amount_fen: int
) -> list[Row]:
    """The rows of one amount that moved for these causes, which are in the order of their names."""
    rows: list[Row] = []
    for cause in causes:
        sides = sides_of(cause, gateway=gateway)
        rows.append(Row(cause.value, payment_id, reference, sides.debit, amount_fen))
        rows.append(Row(cause.value, payment_id, reference, sides.credit, -amount_fen))
    return rows


def _rows_of(alias: str, **wanted: Any) -> Iterator[Row]:
    entries = JournalEntry.objects.on_node(alias).filter(**wanted).order_by("cause", "reference", "line")
    for entry in entries:
        yield Row(entry.cause, entry.payment_id, entry.reference, entry.account, entry.debit_fen - entry.credit_fen)


def _say(rows: list[Row]) -> str:
    return ", ".join(f"{row.cause} {row.reference} {row.account} {row.fen}" for row in rows) or "nothing"


def _movements_of_nothing(alias: str) -> Iterator[str]:
    """Rows whose payment never took money, or whose refund never ended."""
    entries = JournalEntry.objects.on_node(alias).filter(line=1)
    payment = Payment.objects.on_node(alias).filter(pk=OuterRef("payment_id"), state__in=TAKEN)
    refund = Refund.objects.on_node(alias).filter(refund_no=OuterRef("reference"), state=RefundState.SUCCEEDED)
    taken = JournalEntry.objects.on_node(alias).filter(cause__in=TAKEN_CAUSES, reference=OuterRef("reference"))
    orphans = entries.filter(
        Q(Q(cause__in=[*IN_TIME, *ACCEPTED_LATE]) & ~Exists(payment))
        | Q(Q(cause__in=[*GIVEN_BACK, MovementCause.FEE_RETURNED]) & ~Exists(refund))
        | Q(Q(cause=MovementCause.FEE) & ~Exists(taken))
    )
    for page in pages_by_span(orphans, size=CHUNK):
        for entry in page:
            yield f"payment {entry.payment_id} on {alias}: {entry} of {_fen(entry)} fen has nothing to show for it"


def _fen(entry: JournalEntry) -> int:
    return entry.debit_fen + entry.credit_fen


@make_check(
    "M7", When.ALWAYS, _("debit = credit in each movement of the journal, and no payment owes or is owed too much")
)
def journal_balances() -> Iterator[str]:
    for alias in node_aliases():
        for span in key_spans(JournalEntry.objects.on_node(alias), key="payment_id"):
            entries = JournalEntry.objects.on_node(alias).filter(span.of("payment_id"))
            # One statement each sees one moment. All entries of a movement are of one payment.
            movements = entries.values_list("payment_id", "cause", "reference").annotate(
                debit=Sum("debit_fen"), credit=Sum("credit_fen")
            )
            for _payment_id, cause, reference, debit, credit in movements.exclude(debit=F("credit")).order_by():
                yield f"{cause} {reference} on {alias}: debit {debit}, credit {credit} fen"
            owed = (
                entries.filter(account__in=[Account.CUSTOMER_DEPOSITS, Account.REFUNDS_PAYABLE, Account.FEE_EXPENSE])
                .values_list("payment_id", "account")
                .annotate(fen=Sum("debit_fen") - Sum("credit_fen"))
                .filter(Q(account=Account.FEE_EXPENSE, fen__lt=0) | (~Q(account=Account.FEE_EXPENSE) & Q(fen__gt=0)))
                .order_by()
            )
            for payment_id, account, fen in owed:
                yield f"payment {payment_id} on {alias}: more went out of {account} than came in, by {abs(fen)} fen"


@make_check("M8", When.QUIET, _("balances of the journal = payments − refunds − fees, a node and gateway"))
def balances_match_money() -> Iterator[str]:
    for alias in node_aliases():
        ours = _clearing_by_books(alias)
        theirs = _clearing_by_journal(alias)
        for account in sorted(ours.keys() | theirs.keys()):
            if ours[account] != theirs[account]:
                yield f"{alias}: {account} is {theirs[account]} fen in the journal, {ours[account]} by its payments"


def _clearing_by_journal(alias: str) -> Counter[str]:
    rows = JournalEntry.objects.on_node(alias).filter(account__startswith=clearing_account(""))
    return sum_by_span(rows, by="account", of=F("debit_fen") - F("credit_fen"))


def _clearing_by_books(alias: str) -> Counter[str]:
    """What each gateway should hold: payments less refunds, unexpected money, less what it kept and gave back."""
    held: Counter[str] = Counter()
    taken = Payment.objects.on_node(alias).filter(state__in=TAKEN)
    for gateway, fen in sum_by_span(taken, by="gateway", of="amount_fen").items():
        held[clearing_account(gateway)] += fen
    given = Refund.objects.on_node(alias).filter(state=RefundState.SUCCEEDED)
    for gateway, fen in sum_by_span(given, by="gateway", of="amount_fen").items():
        held[clearing_account(gateway)] -= fen
    # No row of ours says what these were but the journal; they are in it once, from the side of their other account.
    others = JournalEntry.objects.on_node(alias).filter(
        cause__in=[MovementCause.UNEXPECTED_PAID, MovementCause.FEE, MovementCause.FEE_RETURNED],
        account__startswith=clearing_account(""),
    )
    held.update(sum_by_span(others, by="account", of=F("debit_fen") - F("credit_fen")))
    return held


CHECKS = [journal_has_each_movement, journal_balances, balances_match_money]
