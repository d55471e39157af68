"""What a replay did, in numbers."""

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from pgs_data.sharding.slots import node_aliases
from pgs_task.replay.lines import LineFilter
from pgs_task.replay.player import Tally
from pgs_task.shoppers.measurements import Measurements
from pgs_web.trade.order.models import Order

ACTIVITIES_A_QUERY = 500


def count_persisted(activity_ids: Iterable[str]) -> int:
    """Orders of these activities on all nodes."""
    ids = [int(activity_id) for activity_id in activity_ids]
    return sum(
        Order.objects.on_node(alias).filter(activity_id__in=ids[start : start + ACTIVITIES_A_QUERY]).count()
        for alias in node_aliases()
        for start in range(0, len(ids), ACTIVITIES_A_QUERY)
    )


def make_report(
    *, tally: Tally, measurements: Measurements, chosen: LineFilter, seconds: float, persisted: int
) -> dict[str, Any]:
    """Plain values; latencies in milliseconds."""
    codes = measurements.codes["order"]
    refused = {code: count for code, count in codes.most_common() if code != "202"}
    return {
        "lines_played": tally.played,
        "orders_attempted": codes.total(),
        "orders_accepted": tally.accepted,
        "orders_refused": refused,
        "orders_persisted": persisted,
        "orders_paid": tally.paid,
        "cancelled": tally.cancelled,
        "refunds_requested": tally.refunds_requested,
        "set_aside": dict(tally.set_aside),
        "rows_left_out": {reason.value: count for reason, count in chosen.left_out.most_common()},
        "seconds": round(seconds, 1),
        "orders_per_second": round(tally.accepted / seconds, 1) if seconds else 0.0,
        "milliseconds": {
            call: dict(
                zip(("p50", "p95", "p99"), (round(value, 1) for value in measurements.milliseconds(call)), strict=True)
            )
            for call in sorted(measurements.seconds)
        },
    }


def make_table(report: dict[str, Any]) -> Table:
    """The report for a terminal."""
    table = Table(title="Replay", title_justify="left", show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in report.items():
        label = name.replace("_", " ")
        if not isinstance(value, dict):
            table.add_row(label, f"{value:,}")
            continue
        for part, count in value.items():
            shown = (
                "  ".join(f"{key} {figure:,}" for key, figure in count.items())
                if isinstance(count, dict)
                else f"{count:,}"
            )
            table.add_row(f"{label}: {part}", shown)
    return table
