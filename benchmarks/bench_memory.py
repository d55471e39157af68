"""`make bench-memory`: memory while orders come and go for minutes, and what one of them leaves in Redis.

On two cores HTTP can't bring 10,000 orders a second beside everything that writes them down. So the scripts of the
ledger are called as the receiving service calls them, and the web process's own memory is watched in a second load, by
HTTP at its own maximum, while nobody drains. `--through http` brings all of it by HTTP, at a rate that the machine can.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from benchmarks.harness.plot import Axes, Curve
from benchmarks.harness.report import Figure, Report
from benchmarks.harness.servers import private_servers
from benchmarks.harness.shop import PrivateShop, private_shop

if TYPE_CHECKING:
    from benchmarks.flow.run import FlowRun
    from benchmarks.flow.watching import Sample

MEBIBYTE = 2**20
# Caches and pools fill in the first fifth; the last fifth is what it came to.
SHARE = 0.2
FLAT = 1.1
BYTES_AN_ORDER = 400
LEAST_TOLD_BYTES = 1
RUSH_CONNECTIONS = 512
# A statement a node, or a few. The others read every order, and the relay has to tell each one: half an hour and more
# for the six million of ten minutes.
JUDGED_BY_SUMS = ("S1", "S2", "S3", "S4", "S5", "S6", "S7", "O2", "O3", "O6", "G4", "G5", "E4", "E5")


def main() -> None:
    """First what one order leaves behind, then minutes at one rate, then the web process alone."""
    options = _read_options()
    report = Report("memory", f"Memory, {options.minutes:g} minutes at {options.rate:,.0f} orders a second")
    # While nobody drains, the web process must not meet its ceiling.
    variables = {"WEB_WORKERS": str(options.web_workers), "INTAKE_BACKLOG_CEILING": "100000000"}
    with private_servers() as servers, private_shop(servers, variables=variables) as shop:
        from benchmarks.flow.run import FlowRun

        run = FlowRun(shop, shoppers=options.shoppers, activities=options.activities)
        if options.orders:
            _measure_footprint(report, run, options.orders)
        if options.minutes and options.through == "http":
            _drive(report, run, rate=options.rate, seconds=options.minutes * 60)
        elif options.minutes:
            _admit(report, run, rate=options.rate, seconds=options.minutes * 60)
        if options.web_seconds and options.through == "scripts":
            _rush(report, run, seconds=options.web_seconds)
        report.add(run.slowest_command())
        _judge(report, shop, run, most=options.judged)
    report.exit()


def _drive(report: Report, run: "FlowRun", *, rate: float, seconds: float) -> None:
    run.warm_up(seconds=5, rate=rate / 4)
    report.say(f"{rate:,.0f} orders a second for {seconds:,.0f} s")
    load = run.drive(rate=rate, seconds=seconds)
    report.say(f"answers: {dict(load.statuses)}, refusals: {dict(run.acceptances.refusals)}")
    accepted = load.statuses[202]
    report.add(Figure("accepted", accepted / load.lasted, "orders/s", load.rate, "asked for", ratio_at_least=0.99))
    _tell_samples(report, run.watch.samples)


def _judge(report: Report, shop: PrivateShop, run: "FlowRun", *, most: int) -> None:
    """Every accepted order has a row; and every invariant, or of a shop with more orders those judged by sums."""
    from benchmarks.harness.sales import count_accepted
    from pgs_task.stock_sync.services import sync_stocks

    missing, _untold = run.find_missing()
    report.add(Figure("accepted orders without a row", missing, "orders", at_most=0))
    if missing:
        report.fail(f"{missing} accepted orders are in no database")
    orders = count_accepted()
    if orders <= most:
        report.say("telling, copying, judging")
        run.come_to_rest()
        report.check_invariants(shop)
    else:
        report.say(f"{orders:,} orders: judging by sums ({', '.join(JUDGED_BY_SUMS)})")
        sync_stocks()
        report.check_invariants(shop, only=JUDGED_BY_SUMS)


def _admit(report: Report, run: "FlowRun", *, rate: float, seconds: float) -> None:
    report.say(f"{rate:,.0f} orders a second for {seconds:,.0f} s, by the scripts")

    def tell(sample: "Sample") -> None:
        resident = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in sample.resident.items())
        report.say(
            f"{sample.at:.0f} s: {sample.accepted:,} orders, {sample.waiting:,} on their way, {resident}, "
            f"Redis {sample.redis_bytes / MEBIBYTE:,.0f} MiB"
        )

    pace = run.admit(rate=rate, seconds=seconds, beside=tell)
    note = (
        f"{pace.admitted:,} orders; a batch was at most {pace.late_seconds:.1f} s late, {pace.stalls} calls sent again"
    )
    report.add(
        Figure("accepted", pace.admitted / pace.lasted, "orders/s", rate, "asked for", ratio_at_least=0.99, note=note)
    )
    _tell_samples(report, run.watch.samples)


def _rush(report: Report, run: "FlowRun", *, seconds: int) -> None:
    load, written = run.rush(seconds=seconds, connections=RUSH_CONNECTIONS)
    if not load.accepted <= written <= load.accepted + RUSH_CONNECTIONS or load.refused:
        report.fail(f"{load.accepted} answers of 202, {load.refused} others, {written} orders on record")
    note = f"{load.accepted:,} orders in {load.seconds:.0f} s, nobody drains"
    report.add(Figure("accepted by HTTP alone", load.rate, "orders/s", note=note))
    _tell_resident(report, run.watch.samples, while_="while all comes by HTTP")


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
    _tell_resident(report, samples)
    fifth = _a_fifth_of(samples)
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


def _tell_resident(report: Report, samples: Sequence["Sample"], *, while_: str = "") -> None:
    """The mean of the last fifth against the mean of the second: in the first, caches and pools fill."""
    fifth = _a_fifth_of(samples)
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    for name in samples[0].resident:
        report.add(
            Figure(
                f"resident memory of {name} {while_}".strip(),
                fmean(sample.resident[name] for sample in late),
                "MiB",
                fmean(sample.resident[name] for sample in early),
                "in the second fifth",
                ratio_at_most=FLAT,
            )
        )
        points = [(sample.at, sample.resident[name]) for sample in samples]
        report.add_curve(Curve(f"{name} {while_}".strip(), Axes("seconds", "MiB resident"), points))


def _a_fifth_of(samples: Sequence["Sample"]) -> int:
    return max(1, int(len(samples) * SHARE))


def _read_options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.bench_memory", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="default 10; 0: none")
    parser.add_argument("--through", choices=["scripts", "http"], default="scripts", help="default scripts")
    parser.add_argument("--web-seconds", type=int, default=120, help="of the web process alone; default 120; 0: none")
    parser.add_argument("--rate", type=float, default=10_000, help="orders a second; default 10000")
    parser.add_argument("--orders", type=int, default=300_000, help="for the bytes an order; default 300000; 0: none")
    parser.add_argument(
        "--judged",
        type=int,
        default=1_000_000,
        help="a shop with more orders is judged by sums only; default 1000000",
    )
    parser.add_argument("--shoppers", type=int, default=20_000, help="default 20000")
    parser.add_argument("--activities", type=int, default=64, help="default 64")
    parser.add_argument("--web-workers", type=int, default=1, help="default 1")
    return parser.parse_args()


if __name__ == "__main__":
    main()
