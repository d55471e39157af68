"""`make bench-drain`: orders a second from the streams into three durable nodes, against LOAD DATA of the same rows."""

import time
from argparse import ArgumentParser, Namespace

from benchmarks.harness.plot import Axes, Curve
from benchmarks.harness.report import Figure, Report
from benchmarks.harness.servers import private_servers
from benchmarks.harness.shop import PrivateShop, private_shop

ORDERS_A_SECOND = 12_000
OF_LOAD_DATA = 0.4
LONGEST_SECONDS = 300
LOOK_SECONDS = 0.1
AXES = Axes("seconds", "orders written")


def main() -> None:
    """Fills the streams, lets the drains empty them, judges the shop, then loads the same rows again."""
    options = _read_options()
    report = Report("drain", "From the streams into three nodes")
    with private_servers() as servers, private_shop(servers) as shop:
        from benchmarks.drain.filling import fill_streams, make_activities
        from benchmarks.drain.loading import count_rows, dump_rows, empty_tables, load_rows
        from benchmarks.drain.processor import cpu_seconds

        activities = make_activities(options.partitions)
        report.say(f"admitting {options.orders:,} orders in {len(activities)} partitions")
        fill_streams(activities, orders=options.orders)
        before = cpu_seconds(servers.nodes), cpu_seconds([servers.ledger])
        rate, used_draining = _time_drains(report, shop, options)
        used = {
            "drains": used_draining,
            "nodes": cpu_seconds(servers.nodes) - before[0],
            "Redis": cpu_seconds([servers.ledger]) - before[1],
        }
        # Before the relay takes the messages away.
        rows = dump_rows(servers.nodes, servers.folder)
        rows_an_order = rows / options.orders
        if not options.no_check:
            _judge(report, shop)
        empty_tables(servers.nodes)
        report.say(f"loading {rows:,} rows")
        loading = cpu_seconds(servers.nodes)
        seconds = load_rows(servers.nodes, servers.folder)
        used_loading = cpu_seconds(servers.nodes) - loading
        loaded = count_rows(servers.nodes)
        if loaded != rows:
            report.fail(f"{rows} rows were dumped, {loaded} were loaded")
        load_rate = rows / seconds / rows_an_order
        report.add(
            Figure(
                f"orders drained, {options.drains} drain(s), {rows_an_order:.1f} rows an order",
                rate,
                "orders/s",
                load_rate,
                "LOAD DATA",
                at_least=ORDERS_A_SECOND,
                ratio_at_least=OF_LOAD_DATA,
            )
        )
        # On a machine where others work too this says more than the clock does.
        of_loading = used_loading / rows * rows_an_order * 1e6
        for who, spent in used.items():
            is_node = who == "nodes"
            report.add(
                Figure(
                    f"processor time of an order: {who}",
                    spent / options.orders * 1e6,
                    "µs",
                    of_loading if is_node else None,
                    "LOAD DATA" if is_node else "",
                )
            )
    report.exit()


def _time_drains(report: Report, shop: PrivateShop, options: Namespace) -> tuple[float, float]:
    """Orders a second from the first entry read to the last order counted, and the processor seconds of the drains."""
    from benchmarks.drain.filling import count_written, has_begun
    from benchmarks.drain.processor import cpu_seconds

    drains = [shop.start("drain") for _ in range(options.drains)]
    while not has_begun():
        time.sleep(LOOK_SECONDS / 10)
    began, started = time.monotonic(), cpu_seconds(drains)
    deadline = began + LONGEST_SECONDS
    points: list[tuple[float, int]] = [(began, 0)]
    while points[-1][1] < options.orders:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the drains stand still at {points[-1:]}\n{shop.logs()}")
        time.sleep(LOOK_SECONDS)
        written = count_written()
        points.append((time.monotonic(), written))
    used = cpu_seconds(drains) - started
    for drain in drains:
        drain.stop()
    report.add_curve(Curve("written", AXES, [(moment - began, written) for moment, written in points]))
    return options.orders / (points[-1][0] - began), used


def _judge(report: Report, shop: PrivateShop) -> None:
    """The relay carries the messages out, the stock is copied, and every invariant is judged."""
    from pgs_task.reconciliation.quiet import find_restless
    from pgs_task.stock_sync.services import sync_stocks

    relay = shop.start("relay")
    deadline = time.monotonic() + LONGEST_SECONDS
    while restless := find_restless():
        if time.monotonic() > deadline:
            report.fail(f"not quiet: {restless[:3]}")
            break
        sync_stocks()
        time.sleep(0.2)
    report.check_invariants(shop)
    relay.stop()


def _read_options() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=60_000)
    parser.add_argument("--drains", type=int, default=1, help="drain processes; on two cores one is quickest")
    parser.add_argument("--partitions", type=int, default=16, help="in which orders wait; 1 is one hot activity")
    parser.add_argument("--no-check", action="store_true", help="leave check_invariants out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
