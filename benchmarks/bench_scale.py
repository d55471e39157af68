"""`make bench-scale`: cost has to grow with the work, not with the size of the shop."""

import signal
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from benchmarks.harness.plot import Axes, Curve
from benchmarks.harness.report import Figure, Report
from benchmarks.harness.servers import private_servers
from benchmarks.harness.shop import PrivateShop, private_shop

if TYPE_CHECKING:
    from benchmarks.scale.filling import GrowingShop

SIZES = "10,1000,100000"
# The height of a B-tree and a colder cache are allowed; a scan over a shop 10,000 times as large is not.
FLAT = 2.0

# What is done, the unit of its cost, and a bound for what has work in any shop.
Act = tuple[str, str, float | None]


def main() -> None:
    """Grows one shop from size to size and measures the same acts each time."""
    options = _read_options()
    report = Report("scale", "What one act costs in shops of growing size")
    with private_servers() as servers, private_shop(servers) as shop:
        from benchmarks.scale.filling import GrowingShop

        growing = GrowingShop(shop, say=report.say)
        costs = _measure(report, shop, growing, options.sizes)
        _tell(report, costs)
        if options.hold:
            report.say(f"the shop stays as it is until Ctrl-C: {servers.folder}")
            signal.pause()
        if not options.no_check:
            shop.start("relay")
            growing.wait_until_quiet()
            report.check_invariants(shop)
    report.exit()


def _measure(
    report: Report, shop: PrivateShop, growing: "GrowingShop", sizes: list[int]
) -> dict[Act, dict[int, float]]:
    """Act → size → cost."""
    from benchmarks.harness.sales import make_activity
    from benchmarks.scale.probes import Prober

    short = make_activity(pay_within_seconds=1, group_lasts_seconds=1)
    (regular,) = shop.make_shoppers(1)
    prober = Prober(growing, short_activity_id=short.pk, regular=regular)
    prober.place_regular_orders()
    costs: dict[Act, dict[int, float]] = {}
    for size in sizes:
        report.say(f"growing to {size:,} activities, orders and groups")
        growing.grow_to(size)
        for cost in prober.measure():
            report.say(f"{size:>9,}: {cost.what}: {cost.value:,.1f} {cost.unit}")
            costs.setdefault((cost.what, cost.unit, cost.most), {})[size] = cost.value
    return costs


def _tell(report: Report, costs: dict[Act, dict[int, float]]) -> None:
    for (what, unit, most), by_size in costs.items():
        smallest, *larger = by_size
        for size in larger:
            report.add(
                Figure(
                    f"{what}, {size:,}",
                    by_size[size],
                    unit,
                    by_size[smallest],
                    f"with {smallest:,}",
                    at_most=most,
                    ratio_at_most=None if most else FLAT,
                )
            )
        # What has work in any shop, up to a bound, is drawn as what it costs; the others against the smallest shop.
        unit_of_all = "cost against the smallest shop" if most is None else unit
        whole = by_size[smallest] if most is None else 1.0
        axes = Axes("activities, orders and groups", unit_of_all, is_x_logarithmic=True)
        points = [(float(size), value / whole) for size, value in by_size.items()]
        report.add_curve(Curve(f"{what} ({by_size[smallest]:,.1f} {unit})", axes, points))


def _read_options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.bench_scale", description=__doc__)
    parser.add_argument(
        "--sizes",
        type=lambda text: sorted(int(part) for part in text.split(",")),
        default=SIZES,
        help=f"default: {SIZES}; with 1000000 it takes an hour and 10 GB of memory; --no-check halves it",
    )
    parser.add_argument("--no-check", action="store_true", help="leave out check_invariants")
    parser.add_argument("--hold", action="store_true", help="keep the largest shop for EXPLAINs until Ctrl-C")
    return parser.parse_args()


if __name__ == "__main__":
    main()
