"""The sandbox gateway's statement: what it took and refunded on a day of Asia/Shanghai."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Sum

from pgs_task.payment.gateways.contract import LineKind
from pgs_task.payment.gateways.statement_days import day_bounds
from pgs_task.payment.sandbox_gateway.models import SandboxRefund, SandboxTrade


@dataclass(frozen=True, kw_only=True)
class BookLine:
    """A line of the statement; `key` is what the next page starts after."""

    kind: LineKind
    key: str
    payment_id: int
    trade_no: str
    refund_no: str
    gateway_refund_no: str
    amount_fen: int
    fee_fen: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Totals:
    taken_count: int
    taken_fen: int
    refunded_count: int
    refunded_fen: int


def list_statement(*, day: date, after: tuple[LineKind, datetime, str] | None, limit: int) -> list[BookLine]:
    """Up to `limit` lines of the day behind `after`: the payments by time, then the refunds."""
    lines: list[BookLine] = []
    if after is None or after[0] == LineKind.PAYMENT:
        lines += [_line_of_trade(trade) for trade in _taken(day, after, limit)]
        after = None
    if len(lines) < limit:
        refunds = list(_refunded(day, after, limit - len(lines)))
        trades = SandboxTrade.objects.in_bulk({refund.payment_id for refund in refunds})
        lines += [_line_of_refund(refund, trades.get(refund.payment_id)) for refund in refunds]
    return lines


def iterate_statement(*, day: date, page_size: int = 1000) -> Iterator[BookLine]:
    """All lines of the day, page by page."""
    after = None
    while True:
        lines = list_statement(day=day, after=after, limit=page_size)
        yield from lines
        if len(lines) < page_size:
            return
        after = (lines[-1].kind, lines[-1].at, lines[-1].key)


def sum_statement(*, day: date) -> Totals:
    """Counts and sums of the day, from an index range each."""
    start, end = day_bounds(day)
    taken = SandboxTrade.objects.filter(taken_at__gte=start, taken_at__lt=end).aggregate(
        count=Count("pk"), fen=Sum("amount_fen", default=0)
    )
    refunded = SandboxRefund.objects.filter(refunded_at__gte=start, refunded_at__lt=end).aggregate(
        count=Count("pk"), fen=Sum("amount_fen", default=0)
    )
    return Totals(
        taken_count=taken["count"],
        taken_fen=taken["fen"],
        refunded_count=refunded["count"],
        refunded_fen=refunded["fen"],
    )


def _taken(day: date, after: tuple[LineKind, datetime, str] | None, limit: int) -> QuerySet[SandboxTrade]:
    start, end = day_bounds(day)
    trades = SandboxTrade.objects.filter(taken_at__gte=start, taken_at__lt=end)
    if after is not None:
        trades = trades.filter(_behind("taken_at", "payment_id", after[1], int(after[2])))
    return trades.order_by("taken_at", "payment_id")[:limit]


def _refunded(day: date, after: tuple[LineKind, datetime, str] | None, limit: int) -> QuerySet[SandboxRefund]:
    start, end = day_bounds(day)
    refunds = SandboxRefund.objects.filter(refunded_at__gte=start, refunded_at__lt=end)
    if after is not None:
        refunds = refunds.filter(_behind("refunded_at", "refund_no", after[1], after[2]))
    return refunds.order_by("refunded_at", "refund_no")[:limit]


def _behind(moment: str, key: str, at: datetime, last: int | str) -> Q:
    # Without the first condition the OR makes the database read the day from its beginning for every page.
    return Q(**{f"{moment}__gte": at}) & (Q(**{f"{moment}__gt": at}) | Q(**{f"{key}__gt": last}))


def _line_of_trade(trade: SandboxTrade) -> BookLine:
    return BookLine(
        kind=LineKind.PAYMENT,
        key=str(trade.payment_id),
        payment_id=trade.payment_id,
        trade_no=trade.trade_no,
        refund_no="",
        gateway_refund_no="",
        amount_fen=trade.amount_fen,
        fee_fen=_fee_of(trade),
        at=_moment(trade.taken_at),
    )


def _line_of_refund(refund: SandboxRefund, trade: SandboxTrade | None) -> BookLine:
    return BookLine(
        kind=LineKind.REFUND,
        key=refund.refund_no,
        payment_id=refund.payment_id,
        trade_no=refund.trade_no,
        refund_no=refund.refund_no,
        gateway_refund_no=refund.gateway_refund_no,
        amount_fen=refund.amount_fen,
        fee_fen=-(_fee_of(trade) * refund.amount_fen // trade.amount_fen) if trade else 0,
        at=_moment(refund.refunded_at),
    )


def _fee_of(trade: SandboxTrade) -> int:
    # The bank's own price: a shop that books another one finds out from the statement.
    return (trade.amount_fen * settings.SANDBOX_GATEWAY_FEE_BASIS_POINTS + 5_000) // 10_000


def _moment(value: datetime | None) -> datetime:
    assert value is not None  # nosec B101: the filter on its range excludes NULL
    return value
