"""The sale from its first shopper to quiet: members and activities made, the rush played, deadlines waited out."""

import asyncio
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pgs_task.demo.launcher import Launcher
from pgs_task.demo.sale.games import PLAYERS, PlayedGames, play_games, prepare_games
from pgs_task.demo.sale.mishaps import Mishaps, play_mishaps
from pgs_task.demo.sale.plan import LASTS_SECONDS, MISHAPS, OFFERS, Offer
from pgs_task.demo.sale.rush import OpenOffer, Rush, RushResult
from pgs_task.shoppers.client import Shopper

Played = TypeVar("Played")


@dataclass(frozen=True)
class PlayedSale:
    """What the shoppers of a sale saw, and the ids of its activities."""

    rush: RushResult
    mishaps: Mishaps
    games: PlayedGames
    activity_ids: list[str]


class CommandFailed(RuntimeError):
    """A command of the project that the demo needs ended with an error; the message carries its output."""


def run_command(root: Path, *arguments: str) -> list[dict[str, Any]]:
    """Runs `manage.py …` and reads its JSON lines; raises `CommandFailed`."""
    argv = [sys.executable, str(root / "manage.py"), *arguments]
    ended = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603  # nosec B603
    if ended.returncode != 0:
        raise CommandFailed(f"manage.py {' '.join(arguments)} failed:\n{ended.stdout[-2000:]}\n{ended.stderr[-4000:]}")
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]


def play_sale(launcher: Launcher, console: Console) -> PlayedSale:
    """Plays one sale over HTTP with live progress."""
    root = launcher.root
    rush_count = sum(offer.shoppers for offer in OFFERS)
    shopper_count = rush_count + MISHAPS.shoppers + PLAYERS
    prefix = f"demo_{secrets.token_hex(3)}"
    with console.status(f"{shopper_count} members sign up"):
        lines = run_command(root, "create_members", str(shopper_count), "--prefix", prefix, "--json")
        shoppers = [Shopper(line["member_id"], line["access"], line["address_id"]) for line in lines]
    with console.status(f"{len(OFFERS) + 1} activities are approved and their stock is loaded"):
        offers = [OpenOffer(offer, _create_activity(root, offer)) for offer in OFFERS]
        mishaps_id = _create_activity(root, MISHAPS)
    with _progress(console, rush_count) as on_step, ThreadPoolExecutor(max_workers=1) as pool:
        rush = Rush(launcher.book.base_url, seed=20261111, on_step=on_step)
        # The shoppers play in a thread, because only the main thread may restart a process that died.
        result = _watch_until_done(launcher, pool.submit(asyncio.run, rush.play(offers, shoppers[:rush_count])))
    with (
        console.status("payments come too late, a refund is refused, a parcel is damaged"),
        ThreadPoolExecutor(max_workers=1) as pool,
    ):
        playing = play_mishaps(
            launcher.book.base_url,
            activity_id=mishaps_id,
            shoppers=shoppers[rush_count : rush_count + MISHAPS.shoppers],
            set_fault=lambda name, on: run_command(root, "set_sandbox_faults", f"{name}={100 if on else 0}"),
        )
        mishaps = _watch_until_done(launcher, pool.submit(asyncio.run, playing))
    player = prepare_games(launcher.book.base_url, run=prefix, shoppers=shoppers[-PLAYERS:])
    # The deadlines of the sale pass meanwhile.
    with ThreadPoolExecutor(max_workers=1) as pool:
        playing_games = pool.submit(asyncio.run, play_games(player))
        _wait_out_deadlines(launcher, console)
        games = _watch_until_done(launcher, playing_games)
    return PlayedSale(result, mishaps, games, [*(offer.activity_id for offer in offers), mishaps_id])


def _watch_until_done(launcher: Launcher, played: "Future[Played]") -> Played:
    while not played.done():
        launcher.watch_for(0.2)
    return played.result()


def _create_activity(root: Path, offer: Offer) -> str:
    flags = {
        "stock": offer.stock,
        "price-fen": offer.price_fen,
        "group-size": offer.group_size,
        "lasts": LASTS_SECONDS,
        "group-lasts": offer.group_lasts,
        "pay-within": offer.pay_within,
    }
    arguments = [word for flag, value in flags.items() for word in (f"--{flag}", str(value))]
    (line,) = run_command(root, "create_activity", *arguments, "--json")
    return str(line["activity_id"])


@contextmanager
def _progress(console: Console, shopper_count: int) -> Iterator[Callable[[str], None]]:
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    units = sum(offer.stock for offer in OFFERS)
    with Progress(*columns, console=console) as progress:
        bars = {
            "tried": progress.add_task("tried", total=shopper_count),
            "accepted": progress.add_task("accepted", total=units),
            "paid": progress.add_task("paid", total=units),
        }
        yield lambda step: progress.advance(bars[step])


def _wait_out_deadlines(launcher: Launcher, console: Console) -> None:
    longest = max(offer.group_lasts for offer in OFFERS) + 8
    end = time.monotonic() + longest
    with console.status("") as status:
        while (left := end - time.monotonic()) > 0:
            status.update(f"waiting {left:.0f} s for deadlines: unpaid orders come back, unfilled groups are refunded")
            launcher.watch_for(0.5)
