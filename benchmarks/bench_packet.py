"""`make bench-packet`: helps a second that the script of red packets takes or refuses, each of them counted right."""

import logging
import statistics
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from benchmarks.harness.plot import Axes, Curve
from benchmarks.harness.report import Figure, Report
from benchmarks.harness.servers import Servers, private_servers
from benchmarks.harness.shop import private_shop

if TYPE_CHECKING:
    from benchmarks.packet.crowd import Crowd

AT_ONCE = (1, 10, 100)
STEPS = 200
LEFT_FEN = 77
WANTED = 10_000
# Of counting only, with a hundred at once: who is refused costs reads, who is taken five writes to the disk.
RATIOS = {"one packet's last steps": 0.3, "the envelope's last fen": 0.25, "one helper": 0.35, "all are taken": 0.1}
TAKEN, FULL, SHORT, REPEATED = "all are taken", "one packet's last steps", "the envelope's last fen", "one helper"
Rates = dict[str, dict[int, list[float]]]


def main() -> None:
    """The bare minimum and each kind of answer in turn, so that all see the same machine."""
    options = _read_options()
    report = Report("packet", "Helps of red packets a second, one core of Redis, appendfsync always")
    with private_servers(databases="sqlite") as servers, private_shop(servers) as shop:
        rates: Rates = {}
        crowds: list[Crowd] = []
        for number in range(options.rounds):
            for at_once in AT_ONCE:
                count = options.helps // (1 if at_once > 1 else 4)
                crowds += _measure(report, servers, rates, count=count, at_once=at_once)
            report.say(f"round {number + 1} of {options.rounds}")
        _tell(report, {name: {at: statistics.median(found) for at, found in of.items()} for name, of in rates.items()})
        # Each packet of which helps are taken back is worth a line in a shop's log.
        logging.disable(logging.WARNING)
        for crowd in crowds:
            crowd.take_back()
        report.say("what was taken was taken back, as no process wrote rows")
        report.check_invariants(shop)
    report.exit()


def _measure(report: Report, servers: Servers, rates: Rates, *, count: int, at_once: int) -> "list[Crowd]":
    from benchmarks.packet.crowd import Crowd

    port = servers.ledger.port
    packets = max(1, count // STEPS)
    many, full, short, one = (
        Crowd(port, packets=packets),
        Crowd(port),
        Crowd(port, left_fen=LEFT_FEN),
        Crowd(port),
    )
    found = {"count only": full.count_blindly(count, at_once=at_once)}
    asked = (
        (TAKEN, many, packets * STEPS, {"TAKEN": packets * STEPS}, False),
        (FULL, full, count, {"TAKEN": STEPS, "FULL": count - STEPS}, False),
        (SHORT, short, count, {"TAKEN": LEFT_FEN, "SHORT": count - LEFT_FEN}, False),
        (REPEATED, one, count, {"TAKEN": 1, "REPEATED": count - 1}, True),
    )
    for name, crowd, helps, expected, is_one_helper in asked:
        found[name], told = crowd.help_all(helps, at_once=at_once, is_one_helper=is_one_helper)
        if told != expected:
            report.fail(f"{name}: {dict(told)} instead of {expected}")
        for problem in crowd.find_wrong(taken=expected["TAKEN"]):
            report.fail(f"{name}: {problem}")
    for name, rate in found.items():
        rates.setdefault(name, {}).setdefault(at_once, []).append(rate)
    return [many, full, short, one]


def _tell(report: Report, rates: dict[str, dict[int, float]]) -> None:
    bare = rates.pop("count only")
    for name, of_name in rates.items():
        for at_once, rate in of_name.items():
            is_main = at_once == AT_ONCE[-1]
            report.add(
                Figure(
                    f"{name}, {at_once} at once",
                    rate,
                    "helps/s",
                    bare[at_once],
                    "count only",
                    at_least=WANTED if is_main else None,
                    ratio_at_least=RATIOS[name] if is_main else None,
                )
            )
    axes = Axes("helps at once on a connection", "helps a second", is_x_logarithmic=True)
    for name, of_name in {"count only": bare, **rates}.items():
        report.add_curve(Curve(name, axes, [(float(at_once), rate) for at_once, rate in of_name.items()]))


def _read_options() -> Namespace:
    parser = ArgumentParser(prog="bench_packet", description=__doc__)
    parser.add_argument("--helps", type=int, default=20_000, help="helps a measurement (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
