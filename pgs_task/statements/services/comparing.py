"""Compares our books with a gateway's statement of a day, both ways, to the fen (invariant M4); writes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import TypeVar

from django.db.models import Min

from pgs_data.sharding.scatter import scatter_aggregate
from pgs_data.sharding.slots import LARGEST_ID, node_aliases
from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.models import JournalEntry
from pgs_task.payment.gateways.contract import Gateway, LineKind, StatementLine, StatementTooLong
from pgs_task.payment.gateways.registry import make_gateway
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.states import TAKEN, RefundState
from pgs_task.statements.comparison import Difference, StatementComparison
from pgs_task.statements.our_lines import find_ours_only
from pgs_task.statements.spool import NumberSpool
from pgs_task.statements.states import DifferenceKind

LINES_TOGETHER = 500
# Their numbers go to a temporary file: about 100 bytes a line.
LARGEST_STATEMENT = 5_000_000

Item = TypeVar("Item")


def compare_statement(
    *, day: date, gateway_code: str = "sandbox", lines: Iterable[StatementLine] | None = None
) -> StatementComparison:
    """Compares a day of Asia/Shanghai with the gateway's statement, or with `lines` of one; true only when quiet.

    Three queries a node and 500 lines, and a bounded number of questions to the gateway. Raises GatewayUnavailable and
    StatementTooLong.
    """
    gateway = make_gateway(gateway_code)
    comparison = StatementComparison(gateway=gateway_code, day=day)
    statement = gateway.fetch_statement(day=day) if lines is None else lines
    with NumberSpool() as spool:
        for chunk in _chunks(statement):
            comparison.their_lines += len(chunk)
            if comparison.their_lines > LARGEST_STATEMENT:
                raise StatementTooLong(f"The statement of {day} has more than {LARGEST_STATEMENT} lines.")
            _compare_lines(chunk, comparison, gateway, spool)
        for alias in node_aliases():
            find_ours_only(alias, gateway=gateway, comparison=comparison, spool=spool)
    comparison.pair_numbers()
    return comparison


def first_day(*, gateway_code: str) -> date | None:
    """The day on which the gateway's first payment was started."""
    firsts = scatter_aggregate(Payment, lambda payments: payments.filter(gateway=gateway_code), first=Min("created_at"))
    moments = [values["first"] for values in firsts.values() if values["first"] is not None]
    return day_of(min(moments)) if moments else None


def _compare_lines(
    lines: Sequence[StatementLine], comparison: StatementComparison, gateway: Gateway, spool: NumberSpool
) -> None:
    books = _Books(gateway.code, [line.payment_id for line in lines if 0 < line.payment_id <= LARGEST_ID])
    for line in lines:
        is_payment = line.kind == LineKind.PAYMENT
        number = line.trade_no if is_payment else line.refund_no
        comparison.count_theirs(line)
        ours = books.find_payment(line) if is_payment else books.find_refund(line)
        # The same line twice is money twice: the second one has no partner here.
        if not spool.add(f"{line.kind} {number}"):
            ours = DifferenceKind.MISSING_HERE
        if isinstance(ours, DifferenceKind):
            comparison.add(_difference(ours, line, number, ours=0, theirs=line.amount_fen))
            continue
        if ours != line.amount_fen:
            comparison.add(_difference(DifferenceKind.AMOUNT, line, number, ours=ours, theirs=line.amount_fen))
        if line.fee_fen is not None and (fee_fen := books.fee_of(line)) != line.fee_fen:
            comparison.add(_difference(DifferenceKind.FEE, line, number, ours=fee_fen, theirs=line.fee_fen))


def _difference(kind: DifferenceKind, line: StatementLine, number: str, *, ours: int, theirs: int) -> Difference:
    return Difference(
        kind=kind, line=line.kind, payment_id=line.payment_id, number=number, our_fen=ours, their_fen=theirs
    )


class _Books:
    """What we have of the payments that some lines name."""

    def __init__(self, gateway: str, payment_ids: Sequence[int]) -> None:
        self.gateway = gateway
        self.payments = {row.pk: row for row in Payment.objects.filter(gateway=gateway).for_ids(payment_ids)}
        self.refunds = {row.refund_no: row for row in Refund.objects.filter(gateway=gateway).for_ids(payment_ids)}
        entries = JournalEntry.objects.filter(
            line=1, cause__in=[MovementCause.UNEXPECTED_PAID, MovementCause.FEE, MovementCause.FEE_RETURNED]
        ).for_ids(payment_ids)
        self.moved = {(entry.cause, entry.reference): entry.debit_fen for entry in entries}

    def find_payment(self, line: StatementLine) -> int | DifferenceKind:
        """The amount that we booked under the line's trade, or what is wrong with it."""
        # A wrong amount or a second trade: no payment's money, but in our books.
        unexpected = self.moved.get((MovementCause.UNEXPECTED_PAID, f"{self.gateway}:{line.trade_no}"))
        if unexpected is not None:
            return unexpected
        payment = self.payments.get(line.payment_id)
        if payment is not None and payment.state in TAKEN and payment.trade_no == line.trade_no:
            return payment.amount_fen
        has_moved = payment is None or payment.state in TAKEN
        return DifferenceKind.MISSING_HERE if has_moved else DifferenceKind.STATE

    def find_refund(self, line: StatementLine) -> int | DifferenceKind:
        """The amount of the refund that the line names, or what is wrong with it."""
        refund = self.refunds.get(line.refund_no)
        if refund is None:
            return DifferenceKind.MISSING_HERE
        return refund.amount_fen if refund.state == RefundState.SUCCEEDED else DifferenceKind.STATE

    def fee_of(self, line: StatementLine) -> int:
        """What we booked as kept by the gateway, negative for what it gave back."""
        if line.kind == LineKind.REFUND:
            return -self.moved.get((MovementCause.FEE_RETURNED, line.refund_no), 0)
        payment = self.payments.get(line.payment_id)
        is_own = payment is not None and payment.trade_no == line.trade_no
        reference = str(line.payment_id) if is_own else f"{self.gateway}:{line.trade_no}"
        return self.moved.get((MovementCause.FEE, reference), 0)


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, LINES_TOGETHER)):
        yield chunk
