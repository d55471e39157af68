"""`make bench-memory`: memory while orders come and go for minutes, and what one of them leaves in Redis."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from benchmarks.harness.plot import Axes, Curve
from benchmarks.harness.report import Figure, Report
from benchmarks.harness.servers import private_servers
from benchmarks.harness.shop import private_shop

if TYPE_CHECKING:
    from benchmarks.flow.run import FlowRun
    from benchmarks.flow.watching import Sample

MEBIBYTE = 2**20
# Caches and pools fill in the first fifth; the last fifth is what it came to.
SHARE = 0.2
FLAT = 1.1
BYTES_AN_ORDER = 400
LEAST_TOLD_BYTES = 1


def main() -> None:
    """First what one order leaves behind, then minutes at one rate."""
    options = _read_options()
    report = Report("memory", f"Memory, {options.minutes:g} minutes at {options.rate:,.0f} orders a second")
    variables = {"WEB_WORKERS": str(options.web_workers)}
    with private_servers() as servers, private_shop(servers, variables=variables) as shop:
        from benchmarks.flow.run import FlowRun

        run = FlowRun(shop, shoppers=options.shoppers, activities=options.activities)
        _measure_footprint(report, run, options.orders)
        if options.minutes:
            _drive(report, run, rate=options.rate, seconds=options.minutes * 60)
        run.come_to_rest()
        missing, _untold = run.find_missing()
        report.add(Figure("accepted orders without a row", missing, "orders", at_most=0))
        report.add(run.slowest_command())
        if missing:
            report.fail(f"{missing} accepted orders are in no database")
        report.check_invariants(shop)
    report.exit()


def _drive(report: Report, run: "FlowRun", *, rate: float, seconds: float) -> None:
    run.warm_up(seconds=5, rate=rate / 4)
    report.say(f"{rate:,.0f} orders a second for {seconds:,.0f} s")
    load = run.drive(rate=rate, seconds=seconds)
    report.say(f"answers: {dict(load.statuses)}, refusals: {dict(run.acceptances.refusals)}")
    accepted = load.statuses[202]
    report.add(Figure("accepted", accepted / load.lasted, "orders/s", load.rate, "asked for", ratio_at_least=0.99))
    _tell_samples(report, run.watch.samples)


def _measure_footprint(report: Report, run: "FlowRun", count: int) -> None:
    from benchmarks.flow.footprint import bytes_by_kind, place_directly, used_bytes

    run.rest_without_relay()
    before, kinds_before = used_bytes(), bytes_by_kind()
    placed = place_directly(count=count, activity_ids=run.activity_ids)
    run.rest_without_relay()
    report.add(
        Figure(
            "an order once drained and trimmed",
            (used_bytes() - before) / placed,
            "bytes of Redis",
            at_most=BYTES_AN_ORDER,
            note=f"{placed:,} members who buy once, groups of two",
        )
    )
    for kind, size in sorted(bytes_by_kind().items(), key=lambda item: -item[1]):
        share = (size - kinds_before.get(kind, 0)) / placed
        if share >= LEAST_TOLD_BYTES:
            report.add(Figure(f"of which in keys {kind}", share, "bytes of Redis"))


def _tell_samples(report: Report, samples: Sequence["Sample"]) -> None:
    """The mean of the last fifth against the mean of the second: in the first, caches and pools fill."""
    fifth = max(1, int(len(samples) * SHARE))
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    for name in samples[0].resident:
        report.add(
            Figure(
                f"resident memory of {name}",
                fmean(sample.resident[name] for sample in late),
                "MiB",
                fmean(sample.resident[name] for sample in early),
                "in the second fifth",
                ratio_at_most=FLAT,
            )
        )
        points = [(sample.at, sample.resident[name]) for sample in samples]
        report.add_curve(Curve(name, Axes("seconds", "MiB resident"), points))
    first = samples[0]
    axes = Axes("seconds", "MiB of Redis")
    report.add_curve(Curve("Redis", axes, [(sample.at, sample.redis_bytes / MEBIBYTE) for sample in samples]))
    # Orders leave their few bytes for a day: flat means that an order costs the same at the end as at the beginning.
    grown = [(sample, sample.redis_bytes - first.redis_bytes) for sample in samples if sample.accepted]
    costs = [(sample.at, bytes_ / sample.accepted) for sample, bytes_ in grown]
    report.add_curve(Curve("Redis", Axes("seconds", "bytes of Redis an accepted order"), costs))
    report.add(
        Figure(
            "Redis, an order accepted so far",
            fmean(cost for _at, cost in costs[-fifth:]),
            "bytes",
            fmean(cost for _at, cost in costs[fifth : 2 * fifth]),
            "in the second fifth",
            ratio_at_most=FLAT,
            note="waiting ones included",
        )
    )
    report.add(Figure("orders on their way, at most", max(sample.waiting for sample in samples), "orders"))


def _read_options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.bench_memory", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="default 10; 0: only the bytes an order")
    parser.add_argument("--rate", type=float, default=10_000, help="orders a second; default 10000")
    parser.add_argument("--orders", type=int, default=300_000, help="for the bytes an order; default 300000")
    parser.add_argument("--shoppers", type=int, default=20_000, help="default 20000")
    parser.add_argument("--activities", type=int, default=64, help="default 64")
    parser.add_argument("--web-workers", type=int, default=1, help="default 1")
    return parser.parse_args()


if __name__ == "__main__":
    main()
