"""A shop that takes orders over HTTP and writes none down, and its two baselines on the same port."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.harness.load import drive
from benchmarks.harness.orders import Acceptances, PreparedOrders
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


class IntakeRun:
    """Each load is told as soon as it is over, and checked against the ledger's own counters."""

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
        self.sold_out = str(make_activity(stock=1).pk)
        self.people = shop.make_shoppers(shoppers)
        self.heads = shop.servers.folder / "heads.txt"
        self.heads.write_text("".join(f"{one['access']} {one['address_id']}\n" for one in self.people))
        self._loads = 0

    def measure_row_lock_shop(self) -> float:
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
            before = int(self._prepare_row_lock_shop("count", variables))
            load = self._send(connections=ROW_LOCK_CONNECTIONS)
            rows = int(self._prepare_row_lock_shop("count", variables)) - before
        self._judge("row-lock shop", load, rows, connections=ROW_LOCK_CONNECTIONS)
        self.report.add(Figure("row-lock shop", load.rate, "orders/s", note=f"99 % within {load.p99_ms:.0f} ms"))
        return load.rate

    def measure_workers(self, workers: int, *, row_lock: float) -> None:
        """All figures of so many web processes."""
        name = f"{workers} process{'es' if workers > 1 else ''}"
        variables = {"WEB_WORKERS": str(workers)}
        constant_url = f"http://{LOOPBACK}:{free_port()}"
        with (
            self._serving("constant", CONSTANT, variables=variables, url=constant_url),
            self._serving("receiving", "config.receiving:application", variables=variables),
        ):
            self.shop.wait_until_ready()
            self._send(seconds=WARM_SECONDS, url=constant_url)
            # The first of the warm-up gets the only unit.
            self._send(seconds=WARM_SECONDS, activities=[self.sold_out])
            self._send(seconds=WARM_SECONDS)
            before = count_accepted()
            # In turns: the rate of a machine that others use, too, drifts by a fifth within a minute.
            turns = [
                (
                    self._send(seconds=seconds, url=constant_url),
                    self._send(seconds=seconds),
                    self._send(seconds=seconds, activities=[self.sold_out]),
                )
                for seconds in self._slices()
            ]
            constant, orders, sold_out = (add_up(loads) for loads in zip(*turns, strict=True))
            self._judge(name, orders, count_accepted() - before, slices=len(turns))
            self.report.say(f"{name}: constant answers {constant.rate:,.0f} a second")
            self._tell(name, orders, constant, row_lock)
            self._tell_sold_out(name, sold_out, constant)
            self._measure_half(name, orders.rate / 2)

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

    def _tell_sold_out(self, name: str, load: Load, constant: Load) -> None:
        if load.accepted:
            self.report.fail(f"{name}: {load.accepted} orders of a sold-out activity")
        self.report.add(
            Figure(f"{name}: sold-out answers", load.rate, "answers/s", constant.rate, "constant", ratio_at_least=0.8)
        )

    def _measure_half(self, name: str, rate: float) -> None:
        """Half of the maximum in an open loop: what a shopper waits when nobody waits for answers."""
        orders = PreparedOrders(
            self.people, [int(one) for one in self.activities], self.shop.base_url.removeprefix("http://")
        )
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

    def _tell(self, name: str, load: Load, constant: Load, row_lock: float) -> None:
        note = f"half within {load.p50_ms:.1f} ms, 99 % within {load.p99_ms:.0f} ms"
        self.report.add(
            Figure(f"{name}: orders", load.rate, "orders/s", row_lock, "row-lock shop", ratio_at_least=40, note=note)
        )
        self.report.add(Figure(f"{name}: orders", load.rate, "orders/s", constant.rate, "constant", ratio_at_least=0.4))

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
        activities: list[str] | None = None,
        url: str = "",
    ) -> Load:
        self._loads += 1
        return send_orders(
            url or self.shop.base_url,
            heads=self.heads,
            activities=activities or self.activities,
            prefix=f"load{self._loads}-",
            seconds=seconds or self.seconds,
            connections=connections or self.connections,
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
