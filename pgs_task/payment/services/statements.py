"""Compares our books with a gateway's statement, both ways, to the fen (invariant M4)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from django.db.models import Min

from pgs_data.clock import database_now
from pgs_data.sharding.scatter import scatter_aggregate
from pgs_data.sharding.slots import LARGEST_ID, node_aliases
from pgs_task.payment.gateways.contract import (
    Gateway,
    LineKind,
    RefundAnswerState,
    StatementLine,
    StatementTooLong,
    TradeState,
)
from pgs_task.payment.gateways.registry import make_gateway
from pgs_task.payment.gateways.statement_days import day_bounds, day_of
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.states import TAKEN, RefundState

LINES_TOGETHER = 500
# The numbers of a day's lines are kept in memory: about 200 bytes a line.
LARGEST_STATEMENT = 2_000_000
DIFFERENCES_KEPT = 100

Item = TypeVar("Item")


class DifferenceKind(StrEnum):
    MISSING_HERE = "missing_here"  # the gateway booked it, we didn't
    MISSING_THERE = "missing_there"  # we booked it, the gateway didn't
    AMOUNT = "amount"  # both booked it, with other amounts
    NUMBER = "number"  # both booked it, under other trade numbers


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One line that doesn't fit; `number` is the trade's or our refund's, the amounts are in fen, 0 where missing."""

    kind: DifferenceKind
    line: LineKind
    payment_id: int
    number: str
    our_fen: int
    their_fen: int


@dataclass(kw_only=True)
class StatementComparison:
    """A day's lines that were found on both sides, and the first 100 differences."""

    gateway: str
    day: date
    payment_count: int = 0
    payment_fen: int = 0
    refund_count: int = 0
    refund_fen: int = 0
    difference_count: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        return self.difference_count == 0

    def add(self, difference: Difference) -> None:
        self.difference_count += 1
        if len(self.differences) < DIFFERENCES_KEPT:
            self.differences.append(difference)


def compare_statement(*, day: date, gateway_code: str = "sandbox") -> StatementComparison:
    """Compares a day of Asia/Shanghai; true only when quiet. Raises GatewayUnavailable, StatementTooLong.

    Two queries a node and 500 lines. What we booked on the day and the gateway on another (a payment at midnight) is
    looked up at the gateway by itself.
    """
    gateway = make_gateway(gateway_code)
    comparison = StatementComparison(gateway=gateway_code, day=day)
    seen: set[str] = set()
    for lines in _chunks(gateway.fetch_statement(day=day)):
        _compare_lines(lines, comparison, seen)
        if len(seen) > LARGEST_STATEMENT:
            raise StatementTooLong(f"The statement of {day} has more than {LARGEST_STATEMENT} lines.")
    for alias in node_aliases():
        _compare_our_payments(alias, gateway, comparison, seen)
        _compare_our_refunds(alias, gateway, comparison, seen)
    return comparison


def compare_all_statements(*, gateway_code: str = "sandbox") -> Iterator[StatementComparison]:
    """Compares every day from the first payment that was started until today, one by one."""
    firsts = scatter_aggregate(Payment, lambda payments: payments.filter(gateway=gateway_code), first=Min("created_at"))
    moments = [values["first"] for values in firsts.values() if values["first"] is not None]
    if not moments:
        return
    day, last = day_of(min(moments)), day_of(database_now("default"))
    while day <= last:
        yield compare_statement(day=day, gateway_code=gateway_code)
        day += timedelta(days=1)


def _compare_lines(lines: Sequence[StatementLine], comparison: StatementComparison, seen: set[str]) -> None:
    ids = [line.payment_id for line in lines if 0 <= line.payment_id <= LARGEST_ID]
    payments = {payment.pk: payment for payment in Payment.objects.for_ids(ids) if payment.state in TAKEN}
    refunds = {
        refund.refund_no: refund for refund in Refund.objects.for_ids(ids) if refund.state == RefundState.SUCCEEDED
    }
    for line in lines:
        if line.kind == LineKind.PAYMENT:
            payment = payments.get(line.payment_id)
            seen.add(f"payment {line.payment_id}")
            _compare_line(
                line, comparison, ours=(payment.trade_no, payment.amount_fen) if payment else None, number=line.trade_no
            )
        else:
            refund = refunds.get(line.refund_no)
            seen.add(f"refund {line.refund_no}")
            _compare_line(
                line, comparison, ours=(refund.refund_no, refund.amount_fen) if refund else None, number=line.refund_no
            )


def _compare_line(
    line: StatementLine, comparison: StatementComparison, *, ours: tuple[str | None, int] | None, number: str
) -> None:
    kind = None
    if ours is None:
        kind = DifferenceKind.MISSING_HERE
    elif ours[0] != number:
        kind = DifferenceKind.NUMBER
    elif ours[1] != line.amount_fen:
        kind = DifferenceKind.AMOUNT
    if kind is None:
        _count(line, comparison)
        return
    comparison.add(
        Difference(
            kind=kind,
            line=line.kind,
            payment_id=line.payment_id,
            number=number,
            our_fen=ours[1] if ours else 0,
            their_fen=line.amount_fen,
        )
    )


def _count(line: StatementLine, comparison: StatementComparison) -> None:
    if line.kind == LineKind.PAYMENT:
        comparison.payment_count += 1
        comparison.payment_fen += line.amount_fen
    else:
        comparison.refund_count += 1
        comparison.refund_fen += line.amount_fen


def _compare_our_payments(alias: str, gateway: Gateway, comparison: StatementComparison, seen: set[str]) -> None:
    start, end = day_bounds(comparison.day)
    ours = Payment.objects.on_node(alias).filter(
        gateway=gateway.code, state__in=TAKEN, paid_at__gte=start, paid_at__lt=end
    )
    for payment in ours.iterator(chunk_size=LINES_TOGETHER):
        if f"payment {payment.pk}" in seen:
            continue
        answer = gateway.query(payment_id=payment.pk)
        is_paid = answer.state in {TradeState.PAID, TradeState.RETURNED} and answer.trade_no == payment.trade_no
        if is_paid and answer.amount_fen == payment.amount_fen and not _is_on(answer.paid_at, comparison.day):
            continue
        comparison.add(
            Difference(
                kind=DifferenceKind.MISSING_THERE,
                line=LineKind.PAYMENT,
                payment_id=payment.pk,
                number=payment.trade_no or "",
                our_fen=payment.amount_fen,
                their_fen=answer.amount_fen if is_paid else 0,
            )
        )


def _compare_our_refunds(alias: str, gateway: Gateway, comparison: StatementComparison, seen: set[str]) -> None:
    start, end = day_bounds(comparison.day)
    ours = Refund.objects.on_node(alias).filter(
        gateway=gateway.code, state=RefundState.SUCCEEDED, finished_at__gte=start, finished_at__lt=end
    )
    for refund in ours.iterator(chunk_size=LINES_TOGETHER):
        if f"refund {refund.refund_no}" in seen:
            continue
        answer = gateway.query_refund(payment_id=refund.payment_id, refund_no=refund.refund_no)
        if answer.state == RefundAnswerState.SUCCEEDED and not _is_on(answer.refunded_at, comparison.day):
            continue
        comparison.add(
            Difference(
                kind=DifferenceKind.MISSING_THERE,
                line=LineKind.REFUND,
                payment_id=refund.payment_id,
                number=refund.refund_no,
                our_fen=refund.amount_fen,
                their_fen=0,
            )
        )


def _is_on(moment: datetime | None, day: date) -> bool:
    # Without a moment there is no other day to find it on.
    return moment is None or day_of(moment) == day


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, LINES_TOGETHER)):
        yield chunk
