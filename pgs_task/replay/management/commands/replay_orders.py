"""`manage.py replay_orders`: a retailer's invoice lines as shoppers of a running shop."""

import asyncio
import hashlib
import json
import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pgs_task.replay.bookmark import open_bookmark
from pgs_task.replay.invoice import InvoiceLine
from pgs_task.replay.lines import LineFilter
from pgs_task.replay.player import Player, Tally
from pgs_task.replay.report import count_persisted, make_report, make_table
from pgs_task.replay.stage import Demand, Offering, find_skus, measure_demand, set_stage
from pgs_task.shoppers.client import ShopClient
from pgs_web.api.errors import OUTAGES
from pgs_web.display.product.invoices.reading import COLUMNS, DamagedFile, parse_mapping, read_invoices


class Command(BaseCommand):
    help = (
        "Replays the invoice lines of a file as shoppers through the HTTP API of a running shop: each customer a "
        "member, each line an order in an activity on that product (joining an open group or opening one) that is "
        "paid; lines of cancelled invoices take an earlier order back. Import the file's products first "
        "(import_catalogue). Ctrl-C pauses; the same command goes on where it stopped. Ends with a report and "
        "check_invariants."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV of invoice lines, also .gz")
        parser.add_argument(
            "--speed", type=float, help="times faster than the file's clock; default: as fast as possible"
        )
        parser.add_argument("--limit", type=int, help="at most so many lines")
        parser.add_argument(
            "--start", type=datetime.fromisoformat, help="first moment, by the file's clock (inclusive)"
        )
        parser.add_argument("--end", type=datetime.fromisoformat, help="last moment (exclusive)")
        parser.add_argument(
            "--map", default="", metavar="COLUMN=NAME,…", help=f"names of our columns: {', '.join(COLUMNS)}"
        )
        parser.add_argument(
            "--merchant", default="online-retail", help="code of the merchant whose products were imported"
        )
        parser.add_argument("--base-url", default=settings.SHOP_BASE_URL, help="of the running shop")
        parser.add_argument("--connections", type=int, default=24, help="kept-alive connections; default 24")
        parser.add_argument("--pay-percent", type=int, default=100, help="how many of 100 orders are paid; default all")
        parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on")
        parser.add_argument("--wait", type=float, default=120, help="seconds to wait for quiet before the invariants")
        parser.add_argument("--json", action="store_true", help="the report as one JSON object, nothing else on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["base_url"]:
            raise CommandError("Which shop? Start one (manage.py demo --no-sale), or name it with --base-url.")
        console = Console(stderr=True)
        folder = Path(settings.BASE_DIR) / "var" / "replay"
        folder.mkdir(parents=True, exist_ok=True)
        run = _run_name(options)
        bookmark_path, stage_path = folder / f"{run}.bookmark.json", folder / f"{run}.stage.json"
        if options["fresh"]:
            bookmark_path.unlink(missing_ok=True)
            stage_path.unlink(missing_ok=True)
        try:
            demand, skus = self._measure(options, console)
            with console.status("members and activities are made"):
                cast = set_stage(
                    path=stage_path, run=run, demand=demand, skus=skus, offering=Offering(), on_step=lambda step: None
                )
            chosen = _filter(options, frozenset(skus))
            bookmark = open_bookmark(bookmark_path, run=run)
            if bookmark.done_up_to:
                console.print(f"going on after line {bookmark.done_up_to:,}")
            shop = ShopClient(options["base_url"], connections=options["connections"])
            started = time.monotonic()
            with _progress(console) as progress:
                bar = progress.add_task("lines", total=demand.lines, completed=bookmark.done_up_to, rate="")
                player = Player(
                    shop=shop,
                    cast=cast,
                    bookmark=bookmark,
                    speed=options["speed"],
                    taken_back=frozenset(demand.taken_back),
                    pay_percent=options["pay_percent"],
                    on_line=lambda tally: _show(progress, bar, tally, time.monotonic() - started),
                )
                asyncio.run(_play(player, shop, _lines(options, chosen)))
        except DamagedFile as error:
            raise CommandError(f"{options['file'].name}: {error}") from error
        except OUTAGES as error:
            raise CommandError(f"A database or Redis does not answer ({error}); the same command goes on.") from error
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read: {error}") from error
        self._finish(player, chosen, time.monotonic() - started, cast.activities, options)

    def _measure(self, options: dict[str, Any], console: Console) -> tuple[Demand, dict[str, Any]]:
        with console.status("reading the file"):
            skus = find_skus(options["merchant"])
            if not skus:
                raise CommandError(
                    f"The merchant {options['merchant']} has no products: manage.py import_catalogue {options['file']}"
                )
            demand = measure_demand(_lines(options, _filter(options, frozenset(skus))))
        if not demand.lines:
            raise CommandError("No line of the file can be played; look at --start, --end and --merchant.")
        return demand, skus

    def _finish(
        self, player: Player, chosen: LineFilter, seconds: float, activities: Any, options: dict[str, Any]
    ) -> None:
        is_whole = not player.is_stopping
        report = make_report(
            tally=player.tally,
            measurements=player.shop.measurements,
            chosen=chosen,
            seconds=seconds,
            persisted=count_persisted(activities.values()),
        )
        report["is_whole"] = is_whole
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        else:
            Console(file=cast(IO[str], self.stdout._out)).print(make_table(report))
        # Its lines go to stderr with --json: stdout is the report's.
        call_command("check_invariants", wait=options["wait"], stdout=sys.stderr if options["json"] else self.stdout)
        if not is_whole:
            raise CommandError("Paused; the same command goes on.", returncode=130)


async def _play(player: Player, shop: ShopClient, lines: Iterator[InvoiceLine]) -> Tally:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, player.stop)
    async with shop:
        return await player.play(lines)


def _lines(options: dict[str, Any], chosen: LineFilter) -> Iterator[InvoiceLine]:
    try:
        mapping = parse_mapping(options["map"])
    except ValueError as error:
        raise CommandError(f"--map: {error}") from error
    return chosen.lines(read_invoices(options["file"], mapping=mapping))


def _filter(options: dict[str, Any], codes: frozenset[str]) -> LineFilter:
    return LineFilter(codes=codes, start=options["start"], end=options["end"], limit=options["limit"])


def _run_name(options: dict[str, Any]) -> str:
    """Tells replays apart: the same file and window is the same run, and can be resumed."""
    size = options["file"].stat().st_size if options["file"].exists() else 0
    facts = (options["file"].name, size, options["start"], options["end"], options["limit"], options["base_url"])
    return f"r{hashlib.sha256(repr(facts).encode()).hexdigest()[:10]}"


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeRemainingColumn(), console=console)


def _show(progress: Progress, bar: TaskID, tally: Tally, seconds: float) -> None:
    progress.update(bar, advance=1, rate=f"{tally.played / seconds:,.0f}/s" if seconds else "")
