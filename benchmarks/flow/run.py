"""A shop that takes orders over HTTP and writes them down, driven at a fixed rate and watched."""

import time
from collections.abc import Callable, Collection, Sequence

from benchmarks.flow.admitting import Pace, admit_steadily
from benchmarks.flow.killing import Executioner, Outage
from benchmarks.flow.watching import Sample, Watch
from benchmarks.harness.load import Load, drive
from benchmarks.harness.orders import Acceptances, PreparedOrders, ages_by_node, find_missing, seconds_until_written
from benchmarks.harness.report import Figure
from benchmarks.harness.sales import count_accepted, count_waiting_orders, make_activity, rest
from benchmarks.harness.shop import PrivateShop
from benchmarks.intake.load import Load as WrkLoad
from benchmarks.intake.load import send_orders
from pgs_data.clock import database_now
from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count
from pgs_data.sharding.slots import node_aliases
from pgs_task.order_drain.queue import trim_intake

REST_SECONDS = 1200
CONNECTIONS = 256


class FlowRun:
    """Web and drain run from the start; relay only in `come_to_rest`, so that what is measured is what is named."""

    def __init__(self, shop: PrivateShop, *, shoppers: int, activities: int) -> None:
        self.shop = shop
        self.drain = shop.start("drain")
        self.web = shop.start("web")
        self.activity_ids = [make_activity().pk for _ in range(activities)]
        people = shop.make_shoppers(shoppers)
        shop.wait_until_ready()
        self.orders = PreparedOrders(people, self.activity_ids, shop.base_url.removeprefix("http://"))
        self.acceptances = Acceptances()
        # Of all orders, the warm-up's included.
        self.accepted: list[int] = []
        self._next_number = 0
        self.watch = self._make_watch()
        self.began_at = database_now("default")

    def warm_up(self, *, seconds: float, rate: float) -> None:
        """Connections, caches and plans come into being; nothing of it is told."""
        self._drive(rate=rate, seconds=seconds)
        self.accepted += self.acceptances.order_ids
        self._wait_for_drain()

    def drive(self, *, rate: float, seconds: float, kill: Sequence[str] = (), outage: Outage | None = None) -> Load:
        """The measured load; `watch` and `acceptances` hold what came of it. Those in `kill` die by SIGKILL on the way,
        one after the other at even distances, and are started again; the `outage` is in its middle."""
        self.acceptances = Acceptances()
        self.watch = self._make_watch(without={outage.name} if outage else set())
        self.began_at = database_now("default")
        self.watch.start()
        executioner = Executioner(self.victims(), kill, seconds=seconds, outage=outage)
        load = self._drive(rate=rate, seconds=seconds, beside=executioner.look)
        executioner.finish()
        self._wait_for_drain()
        self.watch.stop()
        self.accepted += self.acceptances.order_ids
        return load

    def admit(self, *, rate: float, seconds: float, beside: Callable[[Sample], object]) -> Pace:
        """The measured load by the ledger's own scripts, without HTTP; all of it is written down afterwards. `beside`
        gets a sample a minute."""
        self.acceptances = Acceptances()
        # Every look for a row would be taken from the drain, where both cores have their hands full.
        self.watch = self._make_watch(without=node_aliases())
        self.began_at = database_now("default")
        self.watch.start()
        pace = admit_steadily(
            rate=rate,
            seconds=seconds,
            activity_ids=self.activity_ids,
            acceptances=self.acceptances,
            beside=lambda: beside(self.watch.samples[-1]),
        )
        self._wait_for_drain()
        self.watch.stop()
        self.accepted += self.acceptances.order_ids
        return pace

    def rush(self, *, seconds: int, connections: int) -> tuple[WrkLoad, int]:
        """What the web process takes at most while nobody drains, and how many orders are on record then."""
        self.drain.stop()
        heads = self.shop.servers.folder / "heads.txt"
        heads.write_text("".join(f"{one['access']} {one['address_id']}\n" for one in self.orders.shoppers))
        self.acceptances = Acceptances()
        self.watch = Watch(self.acceptances, {"web": self.web})
        before = count_accepted()
        self.watch.start()
        load = send_orders(
            self.shop.base_url,
            heads=heads,
            activities=[str(activity_id) for activity_id in self.activity_ids],
            prefix="rush-",
            seconds=seconds,
            connections=connections,
        )
        self.watch.stop()
        written = count_accepted() - before
        self.drain = self.shop.start("drain")
        self._wait_for_drain()
        return load, written

    def victims(self) -> dict[str, RunningServer]:
        """Whoever can be killed, by name."""
        nodes = {f"node{number}": node for number, node in enumerate(self.shop.servers.nodes)}
        databases = {"default": self.shop.servers.default, **nodes} if self.shop.servers.default else nodes
        return {"web": self.web, "drain": self.drain, "ledger": self.shop.servers.ledger, **databases}

    def rest_without_relay(self) -> None:
        """Everything that waits is drained and trimmed."""
        self._wait_for_drain()
        trim_intake(partitions=list(range(partition_count())))

    def come_to_rest(self) -> None:
        """Everything is drained, told and copied; raises TimeoutError."""
        self.shop.start("relay")
        rest(self.shop, seconds=REST_SECONDS)

    def slowest_command(self) -> Figure:
        """What kept Redis longest from answering anybody else; what lasts for seconds on a busy machine is the disk."""
        slow = max(ledger().slowlog_get(128), key=lambda entry: entry["duration"], default=None)
        words = slow["command"].decode(errors="replace").split()[:4] if slow else []
        name = " ".join(word[:24] for word in words if not word.isdigit())
        return Figure("slowest command of Redis", slow["duration"] / 1000 if slow else 0, "ms", note=name)

    def find_missing(self) -> tuple[int, int]:
        """(accepted orders without a row, rows that nobody was told of)."""
        return find_missing(self.accepted)

    def ages_of_rows(self) -> list[float]:
        """Seconds from acceptance to row of all orders of the measured load."""
        return [age for ages in ages_by_node(since=self.began_at).values() for age in ages]

    def ages_around(self, outage: Outage) -> tuple[list[float], list[float], float]:
        """Seconds from acceptance to row at the other nodes, before the outage and during it; and after how many
        seconds from its end the last order had its row that was accepted until then."""
        if outage.began is None or outage.ended is None:
            raise AssertionError("the outage never was")
        before = ages_by_node(since=self.began_at, until=outage.began)
        during = ages_by_node(since=outage.began, until=outage.ended)
        return (
            [age for alias, ages in before.items() if alias != outage.name for age in ages],
            [age for alias, ages in during.items() if alias != outage.name for age in ages],
            seconds_until_written(accepted_until=outage.ended),
        )

    def _wait_for_drain(self) -> None:
        deadline = time.monotonic() + REST_SECONDS
        while waiting := count_waiting_orders():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{waiting} orders are not drained\n{self.shop.logs()}")
            time.sleep(0.1)

    def _drive(self, *, rate: float, seconds: float, beside: Callable[[], object] | None = None) -> Load:
        first = self._next_number
        self._next_number += int(rate * seconds) + 1
        return drive(
            self.shop.base_url,
            rate=rate,
            seconds=seconds,
            connections=CONNECTIONS,
            make_request=lambda number: self.orders.make_request(first + number),
            on_answer=self.acceptances.note,
            beside=beside,
        )

    def _make_watch(self, *, without: Collection[str] = ()) -> Watch:
        return Watch(self.acceptances, {"web": self.web, "drain": self.drain}, without=without)
