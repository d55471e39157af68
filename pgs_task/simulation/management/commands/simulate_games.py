"""`manage.py simulate_games`: the games that are on, played by a retailer's customers in a running shop."""

import asyncio
import hashlib
import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, no_translations
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pgs_task.shoppers.client import ShopClient
from pgs_task.simulation.days import DayReader
from pgs_task.simulation.journal import Journal
from pgs_task.simulation.people import find_people
from pgs_task.simulation.plan import DayPlan, plan_days
from pgs_task.simulation.player import GamePlayer
from pgs_task.simulation.report import complain_of_breakdowns, count_coupons, make_report, make_tables
from pgs_task.simulation.stage import BadStory, set_games, told_games
from pgs_web.api.errors import OUTAGES, Refusal
from pgs_web.display.product.invoices.reading import COLUMNS, DamagedFile, parse_mapping, read_invoices

# Long enough for every round to be played to its end on a slow machine.
MINUTES = 60


@dataclass
class Demand:
    """What the days will ask for: customers in the order of their first line, steps to be played."""

    customers: dict[str, None]
    rounds: int
    steps: int


class Command(BaseCommand):
    help = (
        "Plays the games that are on through the HTTP API of a running shop, each as its own story tells: each "
        "customer of the file is a member, and who bought on the same day helps each other. Then the day's new "
        "customers buy, and are new no more. Ctrl-C pauses; the same command goes on where it stopped, also after a "
        "kill. Ends with a report of all of it and check_invariants; fails when the shop said or did something that no "
        "story expects. Members come from addresses of their own, which a shop believes on this machine or behind "
        "TRUSTED_PROXIES."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from", dest="file", type=Path, required=True, metavar="FILE", help="CSV of invoice lines, also .gz"
        )
        parser.add_argument("--limit", type=int, metavar="N", help="at most so many rounds, all games together")
        parser.add_argument("--start", type=datetime.fromisoformat, help="first moment, by the file's clock")
        parser.add_argument("--end", type=datetime.fromisoformat, help="last moment (exclusive)")
        parser.add_argument(
            "--map", default="", metavar="COLUMN=NAME,…", help=f"names of our columns: {', '.join(COLUMNS)}"
        )
        parser.add_argument("--base-url", default=settings.SHOP_BASE_URL, help="of the running shop")
        parser.add_argument("--connections", type=int, default=24, help="kept-alive connections; default 24")
        parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on")
        parser.add_argument("--wait", type=float, default=120, help="seconds to wait for quiet before the invariants")
        parser.add_argument("--json", action="store_true", help="the report as one JSON object, nothing else on stdout")

    # Engineers read English.
    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        if not options["base_url"]:
            raise CommandError("Which shop? Start one (manage.py demo --no-sale), or name it with --base-url.")
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit: one round at least.")
        console = Console(stderr=True)
        folder = Path(settings.BASE_DIR) / "var" / "simulation"
        folder.mkdir(parents=True, exist_ok=True)
        run = _run_name(options)
        places = (folder / f"{run}.journal.jsonl", folder / f"{run}.people.json")
        if options["fresh"]:
            for place in places:
                place.unlink(missing_ok=True)
        try:
            player, reader, seconds = self._play(options, console, run, *places)
        except DamagedFile as error:
            raise CommandError(f"{options['file'].name}: {error}") from error
        except OUTAGES as error:
            raise CommandError(f"A database or Redis does not answer ({error}); the same command goes on.") from error
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read: {error}") from error
        except (BadStory, Refusal, ValidationError) as error:
            raise CommandError(f"The games can't be opened: {error}") from error
        self._finish(player, reader, seconds, options)

    def _play(
        self, options: dict[str, Any], console: Console, run: str, journal_path: Path, people_path: Path
    ) -> tuple[GamePlayer, DayReader, float]:
        if not told_games():
            raise CommandError("No game that is on tells how it is played (config/settings/plays.py).")
        with console.status("reading the file"):
            reader = _reader(options)
            demand = _measure(_plans(options, reader))
        for reason, lines in reader.lines.items():
            named = ", ".join(f"{line:,}" for line in lines)
            console.print(f"left out, {reason.value}: {reader.left_out[reason]:,} lines, first {named}")
        if not demand.rounds:
            raise CommandError("No day of the file has enough to play; look at --start and --end.")
        with console.status(f"{len(demand.customers):,} members and the games' campaigns are made"):
            people = find_people(path=people_path, run=run, customers=list(demand.customers))
            stage = set_games(title=f"Simulation {run}", minutes=MINUTES)
        journal = Journal(run=run)
        journal.take_up(journal_path)
        if journal.done:
            console.print(f"going on: {len(journal.done):,} steps are done")
        with _progress(console) as progress:
            bar = progress.add_task("rounds and orders", total=demand.steps, completed=len(journal.done))
            player = GamePlayer(
                shop=ShopClient(
                    options["base_url"], connections=options["connections"], measurements=journal.measurements
                ),
                stage=stage,
                people=people,
                journal=journal,
                on_step=lambda: progress.advance(bar),
            )
            asyncio.run(_play(player, _plans(options, _reader(options))))
        seconds = journal.elapsed()
        journal.close()
        return player, reader, seconds

    def _finish(self, player: GamePlayer, reader: DayReader, seconds: float, options: dict[str, Any]) -> None:
        findings, measurements = player.journal, player.shop.measurements
        complain_of_breakdowns(measurements, findings)
        report = make_report(
            findings=findings,
            measurements=measurements,
            games=player.stage.games,
            seconds=seconds,
            coupons=count_coupons([int(person.shopper.member_id) for person in player.people.values()]),
            left_out={reason.value: count for reason, count in reader.left_out.most_common()},
        )
        report["rounds"], report["is_whole"] = len(findings.begun), not player.is_stopping
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        else:
            console = Console(file=cast(IO[str], self.stdout._out))
            for table in make_tables(report):
                console.print(table)
            console.print(
                f"{len(findings.begun):,} rounds, {report['requests']:,} requests in {seconds:.0f} s, "
                f"{report['requests_per_second']:,}/s"
            )
        for text in findings.told:
            self.stderr.write(f"unexpected: {text}")
        # Its lines go to stderr with --json: stdout is the report's.
        call_command("check_invariants", wait=options["wait"], stdout=sys.stderr if options["json"] else self.stdout)
        if findings.complaints:
            raise CommandError(f"{findings.complaints} answers or facts that no story expects; see above.")
        if player.is_stopping:
            raise CommandError("Paused; the same command goes on.", returncode=130)


async def _play(player: GamePlayer, plans: Iterator[DayPlan]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, player.stop)
    async with player.shop:
        await player.play(plans)


def _measure(plans: Iterator[DayPlan]) -> Demand:
    """Reads all days once; memory grows with customers, not with lines."""
    demand = Demand(customers={}, rounds=0, steps=0)
    for plan in plans:
        demand.rounds += len(plan.rounds)
        demand.steps += len(plan.rounds) + len(plan.errands)
        for round_ in plan.rounds:
            demand.customers.update(dict.fromkeys((round_.initiator, *round_.friends)))
        demand.customers.update(dict.fromkeys(errand.buyer for errand in plan.errands))
    return demand


def _reader(options: dict[str, Any]) -> DayReader:
    return DayReader(start=options["start"], end=options["end"])


def _plans(options: dict[str, Any], reader: DayReader) -> Iterator[DayPlan]:
    try:
        mapping = parse_mapping(options["map"])
    except ValueError as error:
        raise CommandError(f"--map: {error}") from error
    games = {code: story.most_friends for code, story in told_games().items()}
    days = reader.days(read_invoices(options["file"], mapping=mapping))
    # The dice are the file's: another shop plays the same.
    return plan_days(days, games=games, seed=options["file"].name, limit=options["limit"])


def _run_name(options: dict[str, Any]) -> str:
    """Tells simulations apart: the same file, window and games are the same run, and can be resumed."""
    size = options["file"].stat().st_size if options["file"].exists() else 0
    facts = (options["file"].name, size, options["start"], options["end"], options["limit"], options["base_url"])
    return f"g{hashlib.sha256(repr((*facts, sorted(told_games()))).encode()).hexdigest()[:10]}"


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
