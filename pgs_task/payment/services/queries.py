"""Asks the gateways about payments whose notice didn't come."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import Case, DateTimeField, F, QuerySet, Value, When

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.errors import WrongAmount
from pgs_task.payment.gateways.contract import TradeState
from pgs_task.payment.gateways.registry import make_gateway
from pgs_task.payment.models import Payment
from pgs_task.payment.services.calls import call_gateway
from pgs_task.payment.services.closing import UNANSWERED, CloseOutcome, close_payment
from pgs_task.payment.services.results import apply_trade_answer
from pgs_task.payment.states import CallKind, PaymentState
from pgs_web.api.errors import OUTAGES

# Of a closed payment that has been asked about often enough.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
# A closed payment that should have been asked about so long ago isn't any more: rows that an older version closed.
CLOSED_DAYS = 7
# Stops asking after this, so that a slow gateway doesn't stretch one run without end.
RUN_SECONDS = 45.0
# Put off together, before they are asked: what a run that ends early leaves unasked.
PICKED_TOGETHER = 20

log = structlog.get_logger(__name__)


@dataclass(kw_only=True)
class QueryReport:
    asked: int = 0
    paid: int = 0
    closed: int = 0
    unanswered: int = 0
    nodes_down: int = 0


def query_waiting_payments(*, limit: int = 500) -> QueryReport:
    """Asks about up to `limit` due payments a node, the longest due first; one that is paid takes a notice's way.

    Those that wait are asked after PAYMENT_QUERY_SECONDS, less and less often, on all nodes; what is left of the run's
    time is for closed ones (PAYMENT_CLOSED_QUERY_SECONDS): whoever was paying in that moment may have paid all the
    same. Dying in between, or running out of time, costs those that were picked and not asked one more wait, or a
    closed one this question: PICKED_TOGETHER at most. A node that is down keeps no other from being served.
    """
    report = QueryReport()
    stop_at = time.monotonic() + RUN_SECONDS
    down: set[str] = set()
    for state in (PaymentState.WAITING, PaymentState.CLOSED):
        # Another node first each time: a run that ends early isn't always at the expense of the same ones.
        for alias in random.sample(node_aliases(), k=len(node_aliases())):
            if alias not in down and not _ask_on_node(alias, state, limit=limit, stop_at=stop_at, report=report):
                down.add(alias)
    report.nodes_down = len(down)
    return report


def _ask_on_node(alias: str, state: PaymentState, *, limit: int, stop_at: float, report: QueryReport) -> bool:
    """Asks about the node's due payments in this state; False when the node is down."""
    left = limit
    while left > 0 and time.monotonic() < stop_at:
        try:
            now, payments = _pick_due(alias, state, min(left, PICKED_TOGETHER))
        except OUTAGES as error:
            log.warning("payment_query_node_unavailable", node=alias, error=type(error).__name__)
            return False
        for payment in payments:
            if time.monotonic() >= stop_at:
                return True
            try:
                _ask(payment, now, report)
            except Exception:
                # One payment that our own code stumbles over is asked about again later; the others are asked now.
                log.exception("payment_query_broke_down", payment_id=payment.pk)
                report.unanswered += 1
        left -= len(payments)
        if len(payments) < PICKED_TOGETHER:
            break
    return True


def _pick_due(alias: str, state: PaymentState, limit: int) -> tuple[datetime, Sequence[Payment]]:
    due = Payment.objects.on_node(alias).filter(state=state, next_query_at__lte=DatabaseNow())
    if state == PaymentState.CLOSED:
        due = due.filter(next_query_at__gt=DatabaseNow(after=-timedelta(days=CLOSED_DAYS)))
    # Read without a transaction: when nothing is due, no write lock is taken.
    payments = list(due.order_by("next_query_at")[:limit])
    now = database_now(alias)
    if state == PaymentState.CLOSED:
        _put_off(alias, due, payments, now=now, pauses=settings.PAYMENT_CLOSED_QUERY_SECONDS, finally_at=NEVER)
    else:
        pauses = settings.PAYMENT_QUERY_SECONDS
        _put_off(alias, due, payments, now=now, pauses=pauses, finally_at=now + timedelta(seconds=pauses[-1]))
    return now, payments


def _put_off(
    alias: str,
    due: QuerySet[Payment],
    picked: list[Payment],
    *,
    now: datetime,
    pauses: list[int],
    finally_at: datetime,
) -> None:
    """Sets the next question of each: after the pause that its count of questions names, or at `finally_at`."""
    if not picked:
        return
    steps = [
        When(query_count=count, then=Value(now + timedelta(seconds=pause), output_field=DateTimeField()))
        for count, pause in enumerate(pauses[1:])
    ]
    with node_transaction(alias):
        # next_query_at first: MariaDB evaluates assignments from left to right, and it reads the old count.
        due.filter(pk__in=[payment.pk for payment in picked]).update(
            next_query_at=Case(*steps, default=Value(finally_at, output_field=DateTimeField())),
            query_count=F("query_count") + 1,
        )


def _ask(payment: Payment, now: datetime, report: QueryReport) -> None:
    report.asked += 1
    is_open = payment.state == PaymentState.WAITING
    if is_open and now > payment.expires_at + timedelta(seconds=settings.PAYMENT_CLOSE_AFTER_SECONDS):
        outcome = close_payment(payment_id=payment.pk)
        report.paid += outcome == CloseOutcome.PAID
        report.closed += outcome == CloseOutcome.CLOSED
        report.unanswered += outcome == CloseOutcome.UNKNOWN
        return
    try:
        gateway = make_gateway(payment.gateway)
        answer = call_gateway(lambda: gateway.query(payment_id=payment.pk), payment_id=payment.pk, kind=CallKind.QUERY)
        if answer.state == TradeState.PAID:
            apply_trade_answer(payment=payment, answer=answer)
            report.paid += 1
        elif answer.state == TradeState.CLOSED:
            report.closed += close_payment(payment_id=payment.pk) == CloseOutcome.CLOSED
    except WrongAmount:
        # Nobody can pay it any more: closed, so that the shopper can start another one while the order's time runs.
        report.closed += close_payment(payment_id=payment.pk) == CloseOutcome.CLOSED
    except UNANSWERED as error:
        log.warning("payment_query_unanswered", payment_id=payment.pk, error=type(error).__name__)
        report.unanswered += 1
