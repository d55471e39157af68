"""`make bench-intake`: orders a second over HTTP, against a row-lock shop and the server's constant answer."""

from argparse import ArgumentParser, Namespace

from benchmarks.harness.report import Report
from benchmarks.harness.servers import private_servers
from benchmarks.harness.shop import private_shop


def main() -> None:
    """One shop; its web processes come and go, baselines take turns with them on the same port."""
    options = _read_options()
    report = Report("intake", "Orders over HTTP: full contract, on disk before the answer")
    # What is measured is the intake: the drain, which runs afterwards only, must not meet its ceiling.
    variables = {"INTAKE_BACKLOG_CEILING": "100000000"}
    with private_servers() as servers, private_shop(servers, variables=variables) as shop:
        from benchmarks.intake.run import IntakeRun

        run = IntakeRun(
            shop,
            report,
            shoppers=options.shoppers,
            activities=options.activities,
            connections=options.connections,
            seconds=options.seconds,
        )
        row_lock = run.measure_row_lock_shop()
        for workers in (1, 2):
            run.measure_workers(workers, row_lock=row_lock)
        run.draw()
        if not options.leave:
            run.write_down()
            report.check_invariants(shop, wait_seconds=600)
    report.exit()


def _read_options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.bench_intake", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of each load; default 10")
    parser.add_argument("--connections", type=int, default=512, help="kept alive; default 512")
    parser.add_argument("--shoppers", type=int, default=20_000, help="default 20000")
    parser.add_argument(
        "--activities", type=int, default=16, help="beside the one of the rush; default 16: one a partition"
    )
    parser.add_argument(
        "--leave", action="store_true", help="don't write the orders down and judge the shop afterwards"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
