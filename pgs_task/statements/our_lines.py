"""Our side of a day: what we booked and the gateway's statement doesn't have."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from pgs_task.journal.accounts import MovementCause, clearing_account
from pgs_task.journal.models import JournalEntry
from pgs_task.payment.gateways.contract import Gateway, GatewayUnavailable, LineKind, RefundAnswerState, TradeState
from pgs_task.payment.gateways.statement_days import day_bounds, day_of
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.states import TAKEN, RefundState
from pgs_task.statements.comparison import Difference, StatementComparison
from pgs_task.statements.spool import NumberSpool
from pgs_task.statements.states import DifferenceKind

ROWS_TOGETHER = 500
# Our moment and the gateway's may lie on two sides of midnight; a day with more such lines is wholly wrong.
QUESTIONS = 200


@dataclass(frozen=True, kw_only=True)
class OurLine:
    """A movement as we booked it; `number` is the trade's or our refund's."""

    kind: LineKind
    payment_id: int
    number: str
    amount_fen: int


def find_ours_only(alias: str, *, gateway: Gateway, comparison: StatementComparison, spool: NumberSpool) -> None:
    """Adds our sums of the day on one node, and a MISSING_THERE for each row that the spool doesn't know.

    What we booked just before or after midnight may be on the gateway's other day: it is asked, up to 200 times a day
    and node.
    """
    asker = _Asker(gateway, comparison)
    for chunk in _our_lines(alias, gateway.code, comparison):
        known = spool.known([f"{line.kind} {line.number}" for line in chunk])
        for line in chunk:
            comparison.count_ours(line.kind, line.amount_fen)
            if f"{line.kind} {line.number}" in known or asker.is_on_another_day(line):
                continue
            comparison.add(
                Difference(
                    kind=DifferenceKind.MISSING_THERE,
                    line=line.kind,
                    payment_id=line.payment_id,
                    number=line.number,
                    our_fen=line.amount_fen,
                    their_fen=0,
                )
            )


def _our_lines(alias: str, gateway: str, comparison: StatementComparison) -> Iterator[list[OurLine]]:
    start, end = day_bounds(comparison.day)
    payments = Payment.objects.on_node(alias).filter(
        gateway=gateway, state__in=TAKEN, paid_at__gte=start, paid_at__lt=end
    )
    refunds = Refund.objects.on_node(alias).filter(
        gateway=gateway, state=RefundState.SUCCEEDED, finished_at__gte=start, finished_at__lt=end
    )
    unexpected = JournalEntry.objects.on_node(alias).filter(
        cause=MovementCause.UNEXPECTED_PAID, account=clearing_account(gateway), at__gte=start, at__lt=end
    )
    lines: list[OurLine] = []
    for line in _read(payments, refunds, unexpected):
        lines.append(line)
        if len(lines) == ROWS_TOGETHER:
            yield lines
            lines = []
    if lines:
        yield lines


def _read(
    payments: QuerySet[Payment], refunds: QuerySet[Refund], unexpected: QuerySet[JournalEntry]
) -> Iterator[OurLine]:
    for payment in payments.iterator(chunk_size=ROWS_TOGETHER):
        yield OurLine(
            kind=LineKind.PAYMENT,
            payment_id=payment.pk,
            number=payment.trade_no or "",
            amount_fen=payment.amount_fen,
        )
    for entry in unexpected.iterator(chunk_size=ROWS_TOGETHER):
        yield OurLine(
            kind=LineKind.PAYMENT,
            payment_id=entry.payment_id,
            number=entry.reference.partition(":")[2],
            amount_fen=entry.debit_fen,
        )
    for refund in refunds.iterator(chunk_size=ROWS_TOGETHER):
        yield OurLine(
            kind=LineKind.REFUND,
            payment_id=refund.payment_id,
            number=refund.refund_no,
            amount_fen=refund.amount_fen,
        )


class _Asker:
    """Asks the gateway on which day it booked a line, as long as the day isn't wholly wrong."""

    def __init__(self, gateway: Gateway, comparison: StatementComparison) -> None:
        self.gateway = gateway
        self.day = comparison.day
        self.left = QUESTIONS

    def is_on_another_day(self, line: OurLine) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        try:
            moment = self._moment_of(line)
        except GatewayUnavailable:
            # Not known to be elsewhere; when the gateway answers again, the next comparison closes the difference.
            self.left = 0
            return False
        return moment is not None and day_of(moment) != self.day

    def _moment_of(self, line: OurLine) -> datetime | None:
        if line.kind == LineKind.PAYMENT:
            trade = self.gateway.query(payment_id=line.payment_id)
            is_same = trade.trade_no == line.number and trade.amount_fen == line.amount_fen
            return trade.paid_at if trade.state in {TradeState.PAID, TradeState.RETURNED} and is_same else None
        refund = self.gateway.query_refund(payment_id=line.payment_id, refund_no=line.number)
        return refund.refunded_at if refund.state == RefundAnswerState.SUCCEEDED else None
