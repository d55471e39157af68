"""Closes open payments at their gateway; a success there wins."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from pgs_data.clock import database_now
from pgs_data.sharding.slots import ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.errors import NoticeRefused, WrongAmount
from pgs_task.payment.gateways.contract import GatewayUnavailable, TradeState
from pgs_task.payment.gateways.registry import make_gateway
from pgs_task.payment.models import Payment
from pgs_task.payment.services.calls import CLOCK, call_gateway
from pgs_task.payment.services.moves import ask_after_closing
from pgs_task.payment.services.results import apply_trade_answer
from pgs_task.payment.states import CallKind, PaymentState
from pgs_web.api.errors import OUTAGES

# Orders asked for in one query.
ORDERS_A_QUERY = 500
CLOSE_SECONDS = 2.0
# What a gateway, or booking its answer, may fail with; another attempt follows.
UNANSWERED: tuple[type[Exception], ...] = (GatewayUnavailable, NoticeRefused, *OUTAGES)

log = structlog.get_logger(__name__)


class CloseOutcome(StrEnum):
    CLOSED = "closed"  # can't be paid any more
    PAID = "paid"  # the gateway had the money first; it is booked
    DECIDED = "decided"  # it was not open any more
    UNKNOWN = "unknown"  # the gateway didn't answer, or its answer doesn't fit: still open


@dataclass(frozen=True, kw_only=True)
class CloseReport:
    """Order ids by what became of their open payment; an order without one is in no list."""

    closed: list[int] = field(default_factory=list)
    paid: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)


def close_payment(*, payment_id: int, asked_by: str = CLOCK) -> CloseOutcome:
    """Closes one payment at its gateway, then here, by whose act: `asked_by`; call it outside of transactions."""
    payment = Payment.objects.filter(pk=payment_id, state=PaymentState.WAITING).first()
    if payment is None:
        return CloseOutcome.DECIDED
    outcome = _close_at_gateway(payment, asked_by=asked_by)
    if outcome == CloseOutcome.CLOSED:
        _mark_closed([payment.pk])
    return outcome


def close_open_payments(
    *, order_ids: Iterable[int], seconds: float = CLOSE_SECONDS, causes: Mapping[int, str] | None = None
) -> CloseReport:
    """Closes the open payments of orders that are about to be cancelled, or were; call it outside of transactions.

    What the gateway says is paid is booked on the way, and the order (if it is still UNPAID) keeps it. `unknown` are
    left open: a success that comes later finds the order cancelled and goes back, and query_waiting_payments closes
    them in the end. One gateway call an open payment; those that `seconds` don't suffice for are `unknown` too, because
    callers hold a lease. `causes` (order → what ended it) stands in the payments' stories; by default the clock does.
    """
    report = CloseReport()
    stop_at = time.monotonic() + seconds
    for alias, ids in ids_by_node(order_ids).items():
        for start in range(0, len(ids), ORDERS_A_QUERY):
            _close_on_node(alias, ids[start : start + ORDERS_A_QUERY], report, stop_at, causes or {})
    return report


def _close_on_node(
    alias: str, order_ids: list[int], report: CloseReport, stop_at: float, causes: Mapping[int, str]
) -> None:
    try:
        payments = list(Payment.objects.on_node(alias).filter(open_order_id__in=order_ids))
    except OUTAGES:
        log.warning("payment_close_node_unavailable", node=alias)
        report.unknown.extend(order_ids)
        return
    closed: list[Payment] = []
    for payment in payments:
        outcome = CloseOutcome.UNKNOWN
        if time.monotonic() < stop_at:
            outcome = _close_at_gateway(payment, asked_by=causes.get(payment.order_id, CLOCK))
        match outcome:
            case CloseOutcome.CLOSED:
                closed.append(payment)
            case CloseOutcome.PAID:
                report.paid.append(payment.order_id)
            case _:
                report.unknown.append(payment.order_id)
    # Dying before this leaves payments open here that are closed there; asked about later, they are closed here too.
    if closed:
        _mark_closed([payment.pk for payment in closed])
        report.closed.extend(payment.order_id for payment in closed)


def _close_at_gateway(payment: Payment, *, asked_by: str) -> CloseOutcome:
    try:
        gateway = make_gateway(payment.gateway)
        answer = call_gateway(
            lambda: gateway.close(payment_id=payment.pk),
            payment_id=payment.pk,
            kind=CallKind.CLOSE,
            asked_by=asked_by,
        )
        if answer.state == TradeState.PAID:
            apply_trade_answer(payment=payment, answer=answer)
            return CloseOutcome.PAID
    except WrongAmount:
        # The gateway has its one trade's money, though another amount: it takes none any more, and that is traced.
        return CloseOutcome.CLOSED
    except UNANSWERED as error:
        # One payment's trouble doesn't keep the others from being closed.
        log.warning("payment_close_unanswered", payment_id=payment.pk, error=type(error).__name__)
        return CloseOutcome.UNKNOWN
    return CloseOutcome.UNKNOWN if answer.state == TradeState.WAITING else CloseOutcome.CLOSED


def _mark_closed(payment_ids: list[int]) -> None:
    with node_transaction(payment_ids[0]) as alias:
        Payment.objects.on_node(alias).filter(pk__in=payment_ids, state=PaymentState.WAITING).update(
            state=PaymentState.CLOSED, open_order_id=None, **ask_after_closing(now=database_now(alias))
        )
