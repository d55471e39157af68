"""What the drill left in the databases and at the bank, counted; import it only when the shop is there."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from django.db.models import Count, Sum

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.sharding.models import ShardedModel
from pgs_data.sharding.slots import node_aliases
from pgs_task.payment.anomalies.models import Anomaly
from pgs_task.payment.anomalies.states import TRACED
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.services import NEVER
from pgs_task.payment.states import UNFINISHED_REFUNDS, PaymentState
from pgs_task.reconciliation.quiet import find_restless
from pgs_task.statements.comparison import StatementComparison
from pgs_task.statements.services.comparing import compare_statement, first_day
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState

PAUSE_SECONDS = 1.0
TELL_SECONDS = 20.0


def count_states(model: type[ShardedModel], *fields: str) -> Counter[tuple[str, ...]]:
    """Rows of all nodes by the values of these fields."""
    counted: Counter[tuple[str, ...]] = Counter()
    for alias in node_aliases():
        for row in model.objects.on_node(alias).values(*fields).annotate(rows=Count("pk")).order_by():
            counted[tuple(str(row[field]) for field in fields)] += row["rows"]
    return counted


def sum_fen(model: type[ShardedModel], states: Iterable[str]) -> int:
    """Fen of all rows in these states."""
    wanted = list(states)
    sums = (
        model.objects.on_node(alias).filter(state__in=wanted).aggregate(fen=Sum("amount_fen"))["fen"]
        for alias in node_aliases()
    )
    return sum(fen or 0 for fen in sums)


def compare_statements() -> Iterator[StatementComparison]:
    """Each day of the drill, which may be two at midnight in Shanghai, against the sandbox gateway's statement."""
    day, last = first_day(gateway_code="sandbox"), day_of(database_now("default"))
    while day is not None and day <= last:
        yield compare_statement(day=day)
        day += timedelta(days=1)


def find_unhealed() -> dict[str, int]:
    """What the shop still has to find out or to do, by name; empty when the bank's bad day is over."""
    unhealed: Counter[str] = Counter()
    for alias in node_aliases():
        payments = Payment.objects.on_node(alias).filter(state=PaymentState.WAITING)
        # One that can still be paid is asked about, too; whoever had wanted to pay has done so.
        unhealed["payments nobody knows the end of"] += payments.count()
        closed = Payment.objects.on_node(alias).filter(state=PaymentState.CLOSED, next_query_at__lt=NEVER)
        unhealed["closed payments that may have been paid"] += closed.count()
        unhealed["refunds on their way"] += Refund.objects.on_node(alias).filter(state__in=UNFINISHED_REFUNDS).count()
        unhealed["anomalies being traced"] += Anomaly.objects.on_node(alias).filter(state__in=TRACED).count()
        orders = Order.objects.on_node(alias)
        unhealed["orders being refunded"] += orders.filter(state=OrderState.REFUNDING).count()
        unhealed["orders whose place is being decided"] += orders.filter(decide_by__isnull=False).count()
        unhealed["orders past their time to pay"] += orders.filter(
            state=OrderState.UNPAID, pay_by__lte=DatabaseNow()
        ).count()
    return {what: number for what, number in unhealed.items() if number}


def wait_until_healed(*, seconds: float, say: Callable[[str], None]) -> tuple[float, dict[str, int] | list[str]]:
    """How many seconds it took, and what is left when they didn't suffice."""
    began = told = time.monotonic()
    while left := find_unhealed() or find_restless():
        now = time.monotonic()
        if now - began > seconds:
            break
        if now - told > TELL_SECONDS:
            told = now
            say(f"still healing: {left}")
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - began, left
