"""A shop that takes orders over HTTP and writes none down, and its two baselines on the same port."""

import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.harness.load import drive
from benchmarks.harness.orders import Acceptances, PreparedOrders
from benchmarks.harness.plot import Axes, Curve
from benchmarks.harness.report import Figure, Report, percentile
from benchmarks.harness.sales import count_accepted, count_waiting_orders, make_activity
from benchmarks.harness.shop import ROOT, PrivateShop
from benchmarks.intake.load import Load, add_up, send_orders
from pgs_data.private_servers.ports import LOOPBACK, free_port
from pgs_data.private_servers.running import RunningServer
from pgs_task.reconciliation.quiet import find_restless
from pgs_task.stock_sync.services import sync_stocks

GUNICORN = ("-m", "gunicorn", "--config", "config/gunicorn.py")
WARM_SECONDS = 2
# Of loads that take turns.
SLICE_SECONDS = 2
CONSTANT = "benchmarks.baselines.constant_answer:application"
# Of a threaded server: more would only wait.
ROW_LOCK_CONNECTIONS = 32
ROW_LOCK_WORKERS, ROW_LOCK_THREADS = 2, 8
REST_SECONDS = 1800
# A connection that the kernel dropped in the first burst counts as one.
LARGEST_BROKEN_SHARE = 0.001
ACCEPTED, SOLD_OUT = "202 ACCEPTED", "409 sold_out"
STATUS_COUNT = re.compile(r'^pgs_receiving_answers_total\{status="(\d+)"\} (\S+)$', re.MULTILINE)
# The services count for /metrics twice a second.
COUNTED_SECONDS = 1.0


@dataclass(frozen=True)
class Rates:
    """Orders a second of one product, and of all of them evenly."""

    one: float
    many: float


class IntakeRun:
    """Each load is told as soon as it is over, and checked against the ledger's own counters.

    The rush is for one product: there a row lock hurts, and everybody in a shop wants the same thing at midnight. The
    same load over many products is measured beside it.
    """

    def __init__(
        self,
        shop: PrivateShop,
        report: Report,
        *,
        shoppers: int,
        activities: int,
        connections: int,
        seconds: int,
    ) -> None:
        self.shop = shop
        self.report = report
        self.connections = connections
        self.seconds = seconds
        self.activities = [str(make_activity().pk) for _ in range(activities)]
        self.hot = self.activities[:1]
        self.sold_out = str(make_activity(stock=1).pk)
        self.people = shop.make_shoppers(shoppers)
        self.heads = shop.servers.folder / "heads.txt"
        self.heads.write_text("".join(f"{one['access']} {one['address_id']}\n" for one in self.people))
        self._loads = 0
        self._points: dict[str, list[tuple[float, float]]] = {}

    def measure_row_lock_shop(self) -> Rates:
        """Orders a second of the baseline; it has to have a row for each."""
        variables = {
            "DATABASE_URL": self.shop.servers.nodes[0].url,
            "WEB_WORKERS": str(ROW_LOCK_WORKERS),
            "WEB_THREADS": str(ROW_LOCK_THREADS),
        }
        self._prepare_row_lock_shop(",".join(self.activities), variables)
        application = ("--worker-class", "gthread", "benchmarks.baselines.row_lock_shop.wsgi:application")
        with self._serving("row-lock-shop", *application, variables=variables):
            self._send(seconds=WARM_SECONDS, connections=ROW_LOCK_CONNECTIONS)
            rates = []
            for chosen, name in ((self.hot, "one product"), (self.activities, f"{len(self.activities)} products")):
                before = int(self._prepare_row_lock_shop("count", variables))
                load = self._send(connections=ROW_LOCK_CONNECTIONS, activities=chosen)
                rows = int(self._prepare_row_lock_shop("count", variables)) - before
                self._judge(f"row-lock shop, {name}", load, rows, connections=ROW_LOCK_CONNECTIONS)
                note = f"99 % within {load.p99_ms:.0f} ms"
                self.report.add(Figure(f"row-lock shop, {name}", load.rate, "orders/s", note=note))
                rates.append(load.rate)
        return Rates(*rates)

    def measure_workers(self, workers: int, *, row_lock: Rates) -> None:
        """All figures of so many web processes."""
        name = f"{workers} process{'es' if workers > 1 else ''}"
        variables = {"WEB_WORKERS": str(workers)}
        constant_url = f"http://{LOOPBACK}:{free_port()}"
        with (
            self._serving("constant", CONSTANT, variables=variables, url=constant_url),
            self._serving("receiving", "config.receiving:application", variables=variables),
        ):
            self.shop.wait_until_ready()
            self._warm_up(name, constant_url)
            before, statuses = count_accepted(), self._read_statuses()
            # In turns: the rate of a machine that others use, too, drifts by a fifth within a minute.
            turns = [
                (
                    self._send(seconds=seconds, url=constant_url),
                    self._send(seconds=seconds, activities=self.hot),
                    self._send(seconds=seconds, activities=[self.sold_out]),
                    self._send(seconds=seconds),
                )
                for seconds in self._slices()
            ]
            constant, orders, sold_out, many = (add_up(loads) for loads in zip(*turns, strict=True))
            self._judge(name, add_up([orders, many]), count_accepted() - before, slices=2 * len(turns))
            self._judge_statuses(name, self._read_statuses() - statuses, sold_out, slices=len(turns))
            self._judge_constant(name, constant)
            self.report.say(f"{name}: constant answers {constant.rate:,.0f} a second")
            self._tell(f"{name}: orders of one product", orders, constant, row_lock.one, is_wanted=True)
            self._tell(f"{name}: orders of {len(self.activities)} products", many, constant, row_lock.many)
            self._tell_sold_out(name, sold_out, constant)
            for what, load in (("constant", constant), ("orders of one product", orders), ("sold out", sold_out)):
                self._points.setdefault(what, []).append((float(workers), load.rate))
            self._measure_half(name, orders.rate / 2)

    def draw(self) -> None:
        """What was measured, by the number of processes."""
        for what, points in self._points.items():
            self.report.add_curve(Curve(what, Axes("web processes", "answers a second"), points))

    def write_down(self) -> None:
        """Everything is drained, told and copied, so that the shop can be judged; raises TimeoutError."""
        self.report.say(f"writing {count_waiting_orders():,} orders down")
        for name in ("drain", "relay"):
            self.shop.start(name)
        deadline = time.monotonic() + REST_SECONDS
        sync_stocks()
        while restless := find_restless():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no rest: {restless[:5]}\n{self.shop.logs()}")
            time.sleep(0.5)
            sync_stocks()

    def _slices(self) -> list[int]:
        return [SLICE_SECONDS] * max(1, round(self.seconds / SLICE_SECONDS))

    def _warm_up(self, name: str, constant_url: str) -> None:
        """Every answer of it is looked at; the first one who wants the last unit gets it."""
        for url, activities, wanted in (
            (constant_url, self.hot, {ACCEPTED}),
            ("", [self.sold_out], {SOLD_OUT}),
            ("", self.hot, {ACCEPTED}),
            ("", self.activities, {ACCEPTED}),
        ):
            load = self._send(seconds=WARM_SECONDS, url=url, activities=activities, looks_at_each=True)
            odd = {kind: count for kind, count in load.kinds.items() if kind not in wanted}
            if self.sold_out in activities and odd.get(ACCEPTED) == 1:
                del odd[ACCEPTED]
            if odd or not load.answers:
                self.report.fail(f"{name}, warming up: {load.kinds or 'no answer'} instead of {wanted}")

    def _read_statuses(self) -> Counter[str]:
        """How many answers of each status the receiving processes have counted."""
        time.sleep(COUNTED_SECONDS)
        with urllib.request.urlopen(f"{self.shop.base_url}/metrics", timeout=10) as answer:
            found = STATUS_COUNT.findall(answer.read().decode())
        return Counter({status: int(float(count)) for status, count in found})

    def _judge_statuses(self, name: str, counted: Counter[str], sold_out: Load, *, slices: int) -> None:
        """Nothing but 202 and 409 was answered, and no more 409 than there were questions for what is sold out."""
        if set(counted) - {"202", "409"} or not 0 <= counted["409"] - sold_out.answers <= slices * self.connections:
            self.report.fail(
                f"{name}: the service has answered {dict(counted)}, {sold_out.answers} for what is sold out"
            )

    def _judge_constant(self, name: str, load: Load) -> None:
        if load.refused or load.broken > load.answers * LARGEST_BROKEN_SHARE:
            self.report.fail(f"{name}, constant: {load.refused} refused, {load.broken} unanswered of {load.answers}")

    def _tell_sold_out(self, name: str, load: Load, constant: Load) -> None:
        if load.accepted or load.broken > load.answers * LARGEST_BROKEN_SHARE:
            self.report.fail(f"{name}: {load.accepted} orders of a sold-out activity, {load.broken} unanswered")
        self.report.add(
            Figure(f"{name}: sold-out answers", load.rate, "answers/s", constant.rate, "constant", ratio_at_least=0.8)
        )

    def _measure_half(self, name: str, rate: float) -> None:
        """Half of the maximum in an open loop: what a shopper waits when nobody waits for answers."""
        orders = PreparedOrders(self.people, [int(one) for one in self.hot], self.shop.base_url.removeprefix("http://"))
        acceptances = Acceptances()
        first = (self._loads + 1) * 10**9
        self._loads += 1
        load = drive(
            self.shop.base_url,
            rate=rate,
            seconds=self.seconds,
            connections=self.connections // 2,
            make_request=lambda number: orders.make_request(first + number),
            on_answer=acceptances.note,
        )
        if set(load.statuses) - {202} and sum(load.statuses[one] for one in load.statuses if one != 202):
            self.report.fail(f"{name} at half of the rate: {dict(load.statuses)}")
        late = percentile(load.late, 0.99) * 1000
        self.report.add(
            Figure(
                f"{name}: 99 % within, at half of its rate",
                percentile(load.seconds, 0.99) * 1000,
                "ms",
                at_most=50,
                note=f"{rate:,.0f}/s, open loop; the generator was up to {late:.0f} ms late",
            )
        )

    def _tell(self, name: str, load: Load, constant: Load, row_lock: float, *, is_wanted: bool = False) -> None:
        note = f"half within {load.p50_ms:.1f} ms, 99 % within {load.p99_ms:.0f} ms"
        bounds = {"row-lock shop": (row_lock, 40.0), "constant": (constant.rate, 0.4)}
        for baseline_is, (baseline, wanted) in bounds.items():
            ratio_at_least = wanted if is_wanted else None
            self.report.add(
                Figure(name, load.rate, "orders/s", baseline, baseline_is, ratio_at_least=ratio_at_least, note=note)
            )
            note = ""

    def _judge(self, name: str, load: Load, written: int, *, connections: int | None = None, slices: int = 1) -> None:
        """Every answer was a 202 and every 202 is on record; those under way at the end may be there without one."""
        # Of each slice and of the warm-up before them.
        cut_off = (slices + 1) * (connections or self.connections)
        if load.refused or load.broken > load.answers * LARGEST_BROKEN_SHARE:
            self.report.fail(f"{name}: {load.refused} refused, {load.broken} unanswered of {load.answers}")
        if not load.accepted <= written <= load.accepted + cut_off:
            self.report.fail(f"{name}: {load.accepted} answers of 202, {written} orders on record")

    def _send(
        self,
        *,
        seconds: int | None = None,
        connections: int | None = None,
        activities: Sequence[str] | None = None,
        url: str = "",
        looks_at_each: bool = False,
    ) -> Load:
        self._loads += 1
        return send_orders(
            url or self.shop.base_url,
            heads=self.heads,
            activities=activities or self.activities,
            prefix=f"load{self._loads}-",
            seconds=seconds or self.seconds,
            connections=connections or self.connections,
            looks_at_each=looks_at_each,
        )

    @contextmanager
    def _serving(self, name: str, *arguments: str, variables: dict[str, str], url: str = "") -> Iterator[RunningServer]:
        """A web server for the length of the block, on the shop's port unless another is told."""
        host = (url or self.shop.base_url).removeprefix("http://")
        server = self.shop.start_process(
            f"{name}-{self._loads}",
            *GUNICORN,
            "--bind",
            host,
            *arguments,
            port=int(host.rpartition(":")[2]),
            variables=variables,
        )
        try:
            yield server
        finally:
            server.stop()

    def _prepare_row_lock_shop(self, argument: str, variables: dict[str, str]) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "benchmarks.baselines.row_lock_shop.prepare", argument],
            cwd=ROOT,
            env={**self.shop.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            raise RuntimeError(ended.stderr[-3000:])
        return ended.stdout.strip() or "0"
