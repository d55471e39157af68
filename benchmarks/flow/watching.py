"""Looks at a running shop from beside: when rows appear, how many orders wait, what memory is in use."""

import contextlib
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from django.db import OperationalError, connections

from benchmarks.harness.orders import Acceptances
from benchmarks.harness.process_memory import resident_mib
from benchmarks.harness.sales import count_waiting_orders
from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.sharding.slots import alias_of_id
from pgs_web.trade.order.models import Order

# How exactly the appearance of a row is timed.
LOOK_SECONDS = 0.01
LOST_AFTER_SECONDS = 60.0


@dataclass(frozen=True)
class Sample:
    """`at` in seconds since the watch began; memory in MiB by process name, and of Redis."""

    at: float
    accepted: int
    waiting: int
    redis_bytes: int
    resident: dict[str, float]


@dataclass
class Watch:
    """Two threads, started by `start` and ended by `stop`. `row_seconds`: from an answer to its row, of a sample of
    orders, none of nodes in `without`; `samples`: one a `sample_seconds`."""

    acceptances: Acceptances
    processes: Mapping[str, RunningServer]
    sample_seconds: float = 1.0
    without: Collection[str] = ()
    row_seconds: list[tuple[float, float]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._began = time.monotonic()
        for run in (self._watch_rows, self._sample):
            self._threads.append(threading.Thread(target=run, daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def take_sample(self) -> Sample:
        """What is now."""
        memory: dict[str, int] = ledger().info("memory")
        return Sample(
            at=time.monotonic() - self._began,
            accepted=len(self.acceptances.order_ids),
            waiting=count_waiting_orders(),
            redis_bytes=memory["used_memory"],
            resident={name: resident_mib(process.pid) for name, process in self.processes.items()},
        )

    def _sample(self) -> None:
        while not self._over.is_set():
            # Who is killed on the way has no figures for a moment.
            with contextlib.suppress(*RedisUnavailable):
                self.samples.append(self.take_sample())
            self._over.wait(self.sample_seconds)

    def _watch_rows(self) -> None:
        """One order after the other: the one accepted last is waited for, then the next one."""
        seen = None
        while not self._over.is_set():
            latest = self.acceptances.latest
            if latest is None or latest == seen:
                time.sleep(LOOK_SECONDS)
                continue
            seen = latest
            order_id, answered_at = latest
            if alias_of_id(order_id) in self.without:
                continue
            while not _has_row(order_id):
                if time.monotonic() - answered_at > LOST_AFTER_SECONDS:
                    self.lost.append(order_id)
                    break
                time.sleep(LOOK_SECONDS)
            else:
                now = time.monotonic()
                self.row_seconds.append((now - self._began, now - answered_at))
        connections.close_all()


def _has_row(order_id: int) -> bool:
    try:
        return Order.objects.filter(pk=order_id).exists()
    except OperationalError:
        # Its node was killed: the next look takes a new connection.
        connections.close_all()
        return False
