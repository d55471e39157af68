"""`manage.py demo`: a whole shop on this machine, with a sale played in it."""

import os
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from pgs_data.private_servers.running import ServerStartFailed
from pgs_task.demo.address_book import AddressBook, open_address_book, read_address_book
from pgs_task.demo.launcher import Launcher, ShopIsRunning, claim_folder, restart_with
from pgs_task.demo.processes import end_orphans
from pgs_task.demo.sale.mishaps import RETRY_SECONDS
from pgs_task.demo.sale.report import print_report
from pgs_task.demo.sale.story import CommandFailed, play_sale, run_command
from pgs_task.demo.welcome import print_welcome, say_step

# Names the folder whose addresses this process was restarted with.
FOLDER_VARIABLE = "PGS_DEMO_FOLDER"


class Command(BaseCommand):
    help = (
        "Starts every process of the shop on this machine (Valkey, databases, web, drain, relay, celery), restarts "
        "one that dies, plays a sale through the HTTP API, checks every invariant, and serves until Ctrl-C."
    )
    # Checks and settings come first in the restarted process, with the shop's own addresses.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-sale", action="store_true", help="serve without playing a sale")
        parser.add_argument("--once", action="store_true", help="end after the sale; 0 only if every invariant holds")
        parser.add_argument("--port", type=int, help="of the web server; a free one when it is taken")
        parser.add_argument("--data", type=Path, help="folder of this shop's data (default: var/demo)")
        parser.add_argument("--nodes", choices=["sqlite", "mariadb"], default="sqlite", help="kind of the databases")

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        folder = (options["data"] or root / "var" / "demo").resolve()
        console = Console(stderr=False)
        try:
            with claim_folder(folder):
                if os.environ.get(FOLDER_VARIABLE) != str(folder):
                    end_orphans(folder)
                    book = open_address_book(folder, nodes=options["nodes"], port=options["port"])
                    patience = {} if options["no_sale"] else {"REFUND_RETRY_SECONDS": RETRY_SECONDS}
                    restart_with({**patience, **book.environment(), FOLDER_VARIABLE: str(folder)}, sys.argv)
                book = read_address_book(folder)
                self._serve(book, root, console, plays=not options["no_sale"], is_once=options["once"])
        except (ShopIsRunning, ServerStartFailed, CommandFailed) as error:
            raise CommandError(str(error)) from error

    def _serve(self, book: AddressBook, root: Path, console: Console, *, plays: bool, is_once: bool) -> None:
        launcher = Launcher(book=book, root=root, table=settings.PROCESSES)
        # Ctrl-C and TERM both unwind through `finally`, which ends everything that was started. Set for INT too: a
        # shell starts background jobs with it ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        holds = True
        try:
            self._start(launcher, root, console)
            if plays:
                holds = print_report(launcher, console, play_sale(launcher, console))
            if not is_once:
                print_welcome(console, book)
                while True:
                    for name in launcher.watch():
                        say_step(console, f"{name} had died and was started again")
                    launcher.watch_for(1.0)
        except KeyboardInterrupt:
            console.print("Stopping …")
        finally:
            launcher.stop()
        if not holds:
            raise CommandError("An invariant does not hold, or a game went wrong; see the lines above.")

    def _start(self, launcher: Launcher, root: Path, console: Console) -> None:
        launcher.book.write_environment_file()
        say_step(console, "Valkey and databases")
        launcher.start_servers()
        with console.status("migrating every database"):
            run_command(root, "migrate_nodes")
        with console.status("loading the demo catalogue"):
            run_command(root, "collectstatic", "--no-input")
            run_command(root, "load_demo_catalogue")
            run_command(root, "open_demo_shop")
        launcher.start_shop(lambda name: say_step(console, name))
        say_step(console, f"the shop listens on {launcher.book.base_url}")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
