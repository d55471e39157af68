"""`make bench-flow`: accepting and draining together at a fixed arrival rate; how old an order is when it has a row."""

from argparse import ArgumentParser, Namespace
from collections.abc import Set
from typing import TYPE_CHECKING

from benchmarks.harness.load import NO_ANSWER, Load
from benchmarks.harness.plot import Axes, Curve
from benchmarks.harness.report import Figure, Report, percentile
from benchmarks.harness.servers import private_servers
from benchmarks.harness.shop import private_shop

if TYPE_CHECKING:
    from benchmarks.flow.killing import Outage
    from benchmarks.flow.run import FlowRun


def main() -> None:
    """One shop, one rate."""
    options = _read_options()
    report = Report(
        "flow", f"Accept and drain together, {options.rate:,.0f} orders a second for {options.seconds:.0f} s"
    )
    variables = {"WEB_WORKERS": str(options.web_workers)}
    with private_servers() as servers, private_shop(servers, variables=variables) as shop:
        from benchmarks.flow.run import FlowRun

        run = FlowRun(shop, shoppers=options.shoppers, activities=options.activities)
        report.say("warming up")
        run.warm_up(seconds=3, rate=options.rate / 4)
        report.say(f"{options.rate:,.0f} orders a second")
        load = run.drive(rate=options.rate, seconds=options.seconds, outage=options.down)
        _tell(report, load, run)
        _tell_ages(report, run)
        if options.down:
            _tell_outage(report, run, options.down)
        if options.kill:
            report.say(f"{options.kill_rate:,.0f} orders a second while {', '.join(options.kill)} die by SIGKILL")
            _tell_killed(
                report, run.drive(rate=options.kill_rate, seconds=options.kill_seconds, kill=options.kill), run
            )
        run.come_to_rest()
        _tell_rows(report, run)
        report.check_invariants(shop)
    report.exit()


def _tell(report: Report, load: Load, run: "FlowRun") -> None:
    accepted = load.statuses[202]
    _judge_answers(report, load, run, excused={503})
    others = load.sent - accepted
    report.add(Figure("answers other than 202", others, "", at_most=None if run.watch.without else 0))
    report.add(Figure("accepted", accepted / load.lasted, "orders/s", load.rate, "asked for", ratio_at_least=0.99))
    report.add(Figure("answer, half of all within", percentile(load.seconds, 0.5) * 1000, "ms"))
    report.add(Figure("answer, 99 % within", percentile(load.seconds, 0.99) * 1000, "ms", at_most=50))
    report.add(Figure("sent later than due, 99 % within", percentile(load.late, 0.99) * 1000, "ms", note="generator"))
    seen = [seconds for _at, seconds in run.watch.row_seconds]
    if seen:
        report.add(
            Figure(
                "row seen after the answer, half within",
                percentile(seen, 0.5) * 1000,
                "ms",
                note=f"{len(seen)} looked at",
            )
        )
        report.add(Figure("row seen after the answer, 99 % within", percentile(seen, 0.99) * 1000, "ms"))
    waiting = [sample.waiting for sample in run.watch.samples]
    report.add(Figure("orders on their way, at most", max(waiting), "orders"))
    axes = Axes("seconds", "orders on their way")
    report.add_curve(Curve("waiting", axes, [(sample.at, sample.waiting) for sample in run.watch.samples]))
    report.add_curve(
        Curve("row after answer", Axes("seconds", "ms"), [(at, one * 1000) for at, one in run.watch.row_seconds])
    )
    if run.watch.lost:
        report.fail(f"{len(run.watch.lost)} orders had no row after a minute")


def _judge_answers(report: Report, load: Load, run: "FlowRun", *, excused: Set[int]) -> None:
    """Who is accepted hears so. A busy machine may refuse with 503; what isn't excused is nothing that a shop says."""
    report.say(f"answers: {dict(load.statuses)}, refusals: {dict(run.acceptances.refusals)}")
    wrong = {status: number for status, number in load.statuses.items() if number and status not in {202, *excused}}
    if wrong:
        report.fail(f"answers that nobody should get: {wrong}")
    if not load.statuses[202]:
        report.fail("nothing was accepted")


def _tell_killed(report: Report, load: Load, run: "FlowRun") -> None:
    # Who was asking when the web server died got no answer; until everybody is back, 503.
    _judge_answers(report, load, run, excused={503, NO_ANSWER})
    report.add(Figure("accepted while all of them died", load.statuses[202], "orders", load.sent, "asked for"))


def _tell_outage(report: Report, run: "FlowRun", outage: "Outage") -> None:
    before, during, after = run.ages_around(outage)
    p99 = percentile(during, 0.99) * 1000
    report.add(
        Figure(
            f"age of rows of the other nodes while {outage.name} is silent, 99 %",
            p99,
            "ms",
            percentile(before, 0.99) * 1000,
            "before",
            ratio_at_most=1.5,
            note=f"{len(during):,} orders, {len(before):,} before; half within {percentile(during, 0.5) * 1000:.0f} ms",
        )
    )
    report.add(Figure(f"backlog of {outage.seconds:.0f} s drained after", after, "s"))


def _tell_ages(report: Report, run: "FlowRun") -> None:
    ages = run.ages_of_rows()
    report.add(
        Figure(
            "age of an order when its row is written, half",
            percentile(ages, 0.5) * 1000,
            "ms",
            note=f"all {len(ages):,}",
        )
    )
    report.add(Figure("age of an order when its row is written, 99 %", percentile(ages, 0.99) * 1000, "ms"))


def _tell_rows(report: Report, run: "FlowRun") -> None:
    missing, untold = run.find_missing()
    report.add(Figure("accepted orders without a row", missing, "orders", at_most=0))
    report.add(Figure("rows whose answer got lost", untold, "orders"))
    report.add(run.slowest_command())
    if missing:
        report.fail(f"{missing} accepted orders are in no database")


def _read_options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.bench_flow", description=__doc__)
    parser.add_argument("--rate", type=float, default=3000, help="orders a second; default 3000")
    parser.add_argument("--seconds", type=float, default=30, help="default 30")
    parser.add_argument("--shoppers", type=int, default=4000, help="default 4000")
    parser.add_argument("--activities", type=int, default=64, help="default 64")
    parser.add_argument("--web-workers", type=int, default=1, help="default 1")
    parser.add_argument("--down", type=_read_outage, help="node1:60, silent for so many seconds in the middle")
    parser.add_argument(
        "--kill",
        type=lambda text: [name for name in text.split(",") if name],
        default=["web", "drain", "ledger", "node1", "default"],
        help="who dies by SIGKILL in a second load, in turn: of web,drain,ledger,default,node0,node1,node2; '': nobody",
    )
    parser.add_argument("--kill-rate", type=float, default=1000, help="orders a second meanwhile; default 1000")
    parser.add_argument("--kill-seconds", type=float, default=40, help="default 40")
    options = parser.parse_args()
    if options.down and options.seconds < options.down.seconds + 10:
        parser.error("--seconds has to leave five before the outage and five after it")
    return options


def _read_outage(text: str) -> "Outage":
    # Only the shop's settings let the rest of the room be imported at the top.
    from benchmarks.flow.killing import Outage

    name, _, seconds = text.partition(":")
    return Outage(name, float(seconds))


if __name__ == "__main__":
    main()
