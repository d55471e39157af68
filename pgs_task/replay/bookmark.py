"""How far a replay has come, kept in a file, so that Ctrl-C or a crash is a pause and not a loss."""

import asyncio
import json
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path

SAVE_EVERY_SECONDS = 5.0
# Orders that a later cancellation line may name, a shopper and product; more are forgotten, oldest first.
REMEMBERED_ORDERS = 20


@dataclass
class Bookmark:
    """`done_up_to`: every line up to this number has been played. Lines beyond it may have been: playing them again is
    safe, because a line's idempotency key is made from its number."""

    path: Path
    run: str
    done_up_to: int = 0
    done_beyond: set[int] = field(default_factory=set)
    # product code → links of groups that want friends, (group id, leader) each
    links: dict[str, deque[tuple[str, str]]] = field(default_factory=lambda: defaultdict(deque))
    # "customer code" → order ids, the newest last
    orders: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=REMEMBERED_ORDERS)))

    def finish_line(self, number: int) -> None:
        """Notes a line as played; lines finish in any order."""
        self.done_beyond.add(number)
        while self.done_up_to + 1 in self.done_beyond:
            self.done_up_to += 1
            self.done_beyond.remove(self.done_up_to)

    def is_done(self, number: int) -> bool:
        return number <= self.done_up_to or number in self.done_beyond

    def save(self) -> None:
        """Writes the file in one step: a reader sees the old or the new one, never half."""
        content = {
            "run": self.run,
            "done_up_to": self.done_up_to,
            "done_beyond": sorted(self.done_beyond),
            "links": {code: list(links) for code, links in self.links.items() if links},
            "orders": {key: list(orders) for key, orders in self.orders.items() if orders},
        }
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(content))
        fresh.replace(self.path)

    async def save_often(self) -> None:
        """Saves every few seconds until it is cancelled."""
        while True:
            await asyncio.sleep(SAVE_EVERY_SECONDS)
            self.save()


def open_bookmark(path: Path, *, run: str) -> Bookmark:
    """The bookmark of this run, or a fresh one when the file is absent or belongs to another run."""
    bookmark = Bookmark(path=path, run=run)
    if not path.exists():
        return bookmark
    content = json.loads(path.read_text())
    if content["run"] != run:
        return bookmark
    bookmark.done_up_to = content["done_up_to"]
    bookmark.done_beyond = set(content["done_beyond"])
    for code, links in content["links"].items():
        bookmark.links[code].extend((group_id, leader) for group_id, leader in links)
    for key, orders in content["orders"].items():
        bookmark.orders[key].extend(orders)
    return bookmark
