"""The table at the end of the sale: what shoppers were told, what became of it, and every invariant."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count
from rich.console import Console
from rich.table import Table

from pgs_data.sharding.slots import node_aliases
from pgs_task.demo.launcher import Launcher
from pgs_task.demo.sale.mishaps import Mishaps
from pgs_task.demo.sale.rush import RushResult
from pgs_task.demo.sale.service import APPROVED_FEN, ASKED_FEN
from pgs_task.demo.sale.story import PlayedSale
from pgs_task.payment.models import Refund
from pgs_task.payment.states import RefundState
from pgs_task.shoppers.measurements import percentile
from pgs_task.simulation.report import games_table
from pgs_web.trade.after_sale.states import RequestState
from pgs_web.trade.group.models import Group
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState

SHIPPED = (OrderState.SHIPPED, OrderState.COMPLETED)
AFTER_SALE: dict[str, str] = {
    RequestState.DONE: f"¥{APPROVED_FEN / 100:.2f} of ¥{ASKED_FEN / 100:.2f} approved and refunded"
}


@dataclass
class Outcome:
    """What the data nodes say of some activities' orders and groups."""

    orders: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    refunds: int = 0
    refunded_fen: int = 0
    refunds_on_desk: int = 0
    seconds_to_database: list[float] = field(default_factory=list)


def read_outcome(activity_ids: Sequence[str]) -> Outcome:
    """Counts over all nodes, one query a node and figure; costs the orders of these activities."""
    ids = [int(activity_id) for activity_id in activity_ids]
    outcome = Outcome()
    for alias in node_aliases():
        orders = Order.objects.on_node(alias).filter(activity_id__in=ids)
        outcome.orders.update(dict(orders.values_list("state").annotate(Count("id"))))
        times = orders.values_list("id", "accepted_at", "created_at")
        order_ids = []
        for order_id, accepted_at, created_at in times:
            order_ids.append(order_id)
            outcome.seconds_to_database.append((created_at - accepted_at).total_seconds())
        groups = Group.objects.on_node(alias).filter(activity_id__in=ids)
        outcome.groups.update(dict(groups.values_list("state").annotate(Count("id"))))
        refunds = Refund.objects.on_node(alias).filter(order_id__in=order_ids)
        amounts = list(refunds.filter(state=RefundState.SUCCEEDED).values_list("amount_fen", flat=True))
        outcome.refunds_on_desk += refunds.filter(state=RefundState.MANUAL).count()
        outcome.refunds += len(amounts)
        outcome.refunded_fen += sum(amounts)
    return outcome


def print_report(launcher: Launcher, console: Console, sale: PlayedSale) -> bool:
    """Prints invariants and the tables; says whether every invariant holds and the games went as they should."""
    holds = _check_invariants(launcher)
    outcome = read_outcome(sale.activity_ids)
    console.print(_sale_table(sale.rush, sale.mishaps, outcome))
    console.print(games_table(sale.games.describe()))
    console.print(_latency_table(sale.rush, outcome))
    for text in sale.games.complaints:
        console.print(f"[red]a game went wrong: {text}[/red]")
    console.print("[green]every invariant holds[/green]" if holds else "[red]an invariant does not hold[/red]")
    return holds and not sale.games.complaints


def _check_invariants(launcher: Launcher) -> bool:
    argv = [sys.executable, str(launcher.root / "manage.py"), "check_invariants", "--wait", "90"]
    checker = subprocess.Popen(argv, cwd=launcher.root)  # noqa: S603  # nosec B603
    while checker.poll() is None:
        launcher.watch_for(0.2)
    return checker.returncode == 0


def _sale_table(result: RushResult, mishaps: Mishaps, outcome: Outcome) -> Table:
    codes = result.measurements.codes["order"]
    table = Table(title="The sale", title_justify="left")
    table.add_column("figure")
    table.add_column("count", justify="right")
    table.add_row("orders attempted", f"{codes.total():,}")
    table.add_row("accepted (202)", f"{codes['202']:,}")
    for code, count in sorted(codes.items(), key=lambda item: -item[1]):
        if code != "202":
            table.add_row(f"refused: {code}", f"{count:,}")
    table.add_row("paid", f"{result.paid:,}")
    table.add_row("groups succeeded", f"{outcome.groups['SUCCEEDED']:,}")
    table.add_row("groups failed (settled)", f"{outcome.groups['FAILED'] + outcome.groups['SETTLED']:,}")
    table.add_row("refunds", f"{outcome.refunds:,} (¥{outcome.refunded_fen / 100:,.2f})")
    table.add_row("late payments", f"{mishaps.late:,} ({mishaps.rescued:,} kept their order, as they had wished)")
    table.add_row("after-sale, a damaged parcel", AFTER_SALE.get(mishaps.after_sale, mishaps.after_sale or "none"))
    table.add_row("bought alone after their group failed", f"{mishaps.alone:,}")
    table.add_row("refunds on the operator's desk", f"{outcome.refunds_on_desk:,}")
    table.add_row("orders shipped", f"{sum(outcome.orders[state] for state in SHIPPED):,}")
    table.add_row("orders cancelled", f"{outcome.orders[OrderState.CANCELLED]:,}")
    return table


def _latency_table(result: RushResult, outcome: Outcome) -> Table:
    table = Table(title="Milliseconds", title_justify="left")
    table.add_column("of")
    for share in ("p50", "p95", "p99"):
        table.add_column(share, justify="right")
    in_database = [percentile(outcome.seconds_to_database, share) * 1000 for share in (0.5, 0.95, 0.99)]
    rows = {
        "admission (POST /orders/ until 202 or refusal)": result.measurements.milliseconds("order"),
        "acceptance until the order is in its database": in_database,
        "a page (activity or group)": result.measurements.milliseconds("page"),
    }
    for name, figures in rows.items():
        table.add_row(name, *(f"{figure:,.1f}" for figure in figures))
    return table
