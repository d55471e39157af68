"""`make drill-money`: thousands of orders of every kind while the gateway has its worst day; then the books must agree.

The sandbox gateway loses, delays, repeats, reorders and forges notices, takes wrong amounts, and dies after it has
done what it was asked. Then it behaves again, and the shop must come to rest by itself: every invariant, and not a fen
of difference against the gateway's statement.
"""

import asyncio
import time
from argparse import ArgumentParser, Namespace
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.harness.report import Figure, Report
from benchmarks.harness.servers import private_servers
from benchmarks.harness.shop import PrivateShop, private_shop
from benchmarks.money.plan import HASTY, PATIENT, STORIES, VARIABLES
from pgs_task.shoppers.client import Shopper

if TYPE_CHECKING:
    from benchmarks.money.shoppers import Crowd

SERVICES = ("drain", "relay", "logistics", "worker", "beat", "web")
ACTIVITIES_OF_A_KIND = 8
HEALING_SECONDS = 900.0


def main() -> None:
    """One bad day."""
    options = _read_options()
    report = Report("money", f"{options.orders:,} orders, {options.percent:g} % of each of the gateway's faults")
    with private_servers() as servers, private_shop(servers, variables=VARIABLES) as shop:
        _play(report, shop, options)
        _judge(report, shop)
    report.exit()


def _play(report: Report, shop: PrivateShop, options: Namespace) -> None:
    # Models and services only after the shop is there.
    from benchmarks.flow.killing import Executioner
    from benchmarks.harness.sales import make_activity
    from benchmarks.money.outages import Outage
    from benchmarks.money.shoppers import Crowd
    from pgs_task.payment.sandbox_gateway.models import FaultKind

    running = {name: shop.start(name) for name in SERVICES}
    victims = {**running, "ledger": shop.servers.ledger}
    victims |= {f"node{number}": node for number, node in enumerate(shop.servers.nodes)}
    activities = {
        kind: [str(make_activity(**rules).pk) for _ in range(ACTIVITIES_OF_A_KIND)]
        for kind, rules in {"hasty": HASTY, "patient": PATIENT}.items()
    }
    people = [
        Shopper(row["member_id"], row["access"], row["address_id"]) for row in shop.make_shoppers(options.shoppers)
    ]
    shop.wait_until_ready()
    shop.manage("set_sandbox_faults", f"all={options.percent:g}")
    report.say(f"the gateway misbehaves: {options.percent:g} % of each fault")
    crowd = Crowd(
        shop.base_url,
        shoppers=people,
        activities=activities,
        orders=options.orders,
        at_once=options.at_once,
        seed=options.seed,
    )
    began = time.monotonic()
    executioner = Executioner(victims, options.kill, seconds=options.orders / 50)
    with ThreadPoolExecutor(max_workers=1) as pool:
        playing = pool.submit(asyncio.run, crowd.play())
        told = 0.0
        closing = Outage(FaultKind.CLOSE_UNAVAILABLE, usual=round(options.percent * 10))
        while not playing.done():
            executioner.look()
            closing.look()
            time.sleep(0.5)
            if time.monotonic() - told > 30:
                told = time.monotonic()
                report.say(f"{crowd.accepted.total():,} orders")
        playing.result()
    lasted = time.monotonic() - began
    shop.manage("set_sandbox_faults", "off")
    report.say(f"the gateway behaves again; {executioner.killed} processes were killed on the way")
    report.add(Figure("orders", crowd.accepted.total(), "orders", note=f"{crowd.accepted.total() / lasted:.0f}/s"))
    _tell_stories(report, crowd)


def _tell_stories(report: Report, crowd: "Crowd") -> None:
    table = Table("story", "what the shoppers do", "told", "orders", title="What was played")
    for story in STORIES:
        table.add_row(story.name, story.says, str(crowd.told[story.name]), str(crowd.accepted[story.name]))
    report.console.print(table)
    calls = Table("call", "answers", title="What the shoppers were told")
    for call, codes in sorted(crowd.measurements.codes.items()):
        calls.add_row(call, ", ".join(f"{code} × {number}" for code, number in codes.most_common()))
    report.console.print(calls)


def _judge(report: Report, shop: PrivateShop) -> None:
    from benchmarks.money.books import compare_statements, count_states, sum_fen, wait_until_healed
    from pgs_task.payment.anomalies.models import Anomaly
    from pgs_task.payment.models import Notice, Payment, Refund
    from pgs_task.payment.states import TAKEN, RefundState
    from pgs_web.trade.order.models import Order

    seconds, left = wait_until_healed(seconds=HEALING_SECONDS, say=report.say)
    report.add(Figure("until everything had healed", seconds, "s"))
    if left:
        report.fail(f"not healed: {left}")
    table = Table("what", "state", "rows", title="What it came to")
    for what, model, fields in (
        ("orders", Order, ("state", "reason")),
        ("payments", Payment, ("state",)),
        ("notices", Notice, ("outcome",)),
        ("refunds", Refund, ("state", "reason")),
        ("anomalies", Anomaly, ("kind", "state")),
    ):
        for values, rows in sorted(count_states(model, *fields).items()):
            table.add_row(what, " ".join(values), f"{rows:,}")
    report.console.print(table)
    anomalies = sum_fen(Anomaly, ["REFUNDED"])
    report.add(Figure("taken", sum_fen(Payment, TAKEN) + anomalies, "fen", note=f"{anomalies:,} of it for nothing"))
    report.add(Figure("given back", sum_fen(Refund, [RefundState.SUCCEEDED]), "fen"))
    comparisons = list(compare_statements())
    for comparison in comparisons:
        for difference in comparison.differences[:5]:
            report.say(f"{comparison.day}: {difference}")
    lines = sum(comparison.their_lines for comparison in comparisons)
    differences = sum(comparison.difference_count for comparison in comparisons)
    report.add(Figure("lines of the gateway's statement", lines, "lines"))
    report.add(Figure("differences against it, to the fen", differences, "lines", at_most=0))
    if differences:
        report.fail(f"{differences} differences against the gateway's statement")
    report.check_invariants(shop, wait_seconds=300)


def _read_options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.drill_money", description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000, help="accepted ones; default 20,000")
    parser.add_argument("--percent", type=float, default=5, help="of each of the gateway's faults; default 5")
    parser.add_argument("--shoppers", type=int, default=4000, help="default 4000")
    parser.add_argument("--at-once", type=int, default=160, help="stories told at once; default 160")
    parser.add_argument("--seed", type=int, default=20261111, help="of the stories' dice")
    parser.add_argument(
        "--kill",
        type=lambda text: text.split(","),
        default=[],
        help="who dies by SIGKILL on the way, in turn: web,drain,relay,worker,beat,ledger,node0,node1,node2",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
