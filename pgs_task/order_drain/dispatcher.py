"""One lane a data node: a thread that writes for all streams together, as many orders at once as the node takes well.

The lane's queue is the bound in front of the database: readers wait for room in it, and one transaction a node is open.
A node that is away, hangs, or is much slower than the others is *behind*: fresh orders then don't wait for it.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from pgs_data.messaging.bisecting import Outcome
from pgs_task.order_drain.persisting import Part, write_node
from pgs_task.order_drain.width import Width

log = structlog.get_logger(__name__)

# A node that is away is asked so often whether it is back.
PROBE_SECONDS = 1.0
# Full transactions in a lane's queue beyond which nobody reads more for it.
ROOM_IN_WIDTHS = 2
# Transactions a node that all readers together may have in hand: being written, read and acknowledged.
IN_HAND = 3
# A node that answers counts as slow when its orders wait so many times longer than they would at the quickest.
SLOWER_THAN_BEST = 4
# At a node that keeps up an order waits for so many transactions, as long as they may be: one in hand, and its own.
IN_STEP = 2
LOOK_SECONDS = 0.05
ROOM_LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Job:
    parts: Sequence[Part]
    result: "Future[Outcome[Part]]"
    # Of its parts, those that a reader of fresh orders waits for.
    fresh: int


class NodeLane:
    """Writes what is submitted to one node; start() before, stop() after."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.width = Width(
            least=settings.DRAIN_WIDTH_LEAST,
            most=settings.DRAIN_WIDTH_MOST,
            target_seconds=settings.DRAIN_TRANSACTION_SECONDS,
        )
        # Set by an outage, cleared by the first success after it.
        self.is_away = False
        # Fresh orders that are submitted and not written.
        self.waiting = 0
        self._lock = threading.Lock()
        self._busy_since: float | None = None
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"lane-{alias}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when everything submitted before is written."""
        self._jobs.put(None)
        self._thread.join()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def submit(self, parts: Sequence[Part], *, is_fresh: bool = True) -> "Future[Outcome[Part]]":
        """A promise of what becomes of the parts.

        What waited beside is none that others wait behind: counted with them, a node that catches up would look slow,
        its fresh orders would go beside as well, and it would never have caught up.
        """
        job = Job(parts, Future(), len(parts) if is_fresh else 0)
        self._add(job.fresh)
        self._jobs.put(job)
        return job.result

    @property
    def has_room(self) -> bool:
        return self.waiting < ROOM_IN_WIDTHS * self.width.value

    @property
    def hangs(self) -> bool:
        """Whether the transaction in hand takes longer than anybody should wait."""
        return self._seconds_in_hand > settings.DRAIN_PATIENCE_SECONDS

    @property
    def is_measured(self) -> bool:
        """Whether its time is one that others can be compared with."""
        return self.width.seconds > 0 and not self.is_away and not self.hangs

    def expected_seconds(self, *, waiting: int) -> float:
        """How long what is submitted behind so many takes, if it goes on as it went, and as it goes just now."""
        return (1 + waiting / self.width.value) * max(self.width.seconds, self._seconds_in_hand)

    @property
    def _seconds_in_hand(self) -> float:
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def _add(self, number: int) -> None:
        with self._lock:
            self.waiting += number

    def _run(self) -> None:
        is_over = False
        while not is_over:
            jobs: list[Job] = []
            try:
                is_over = self._gather(jobs)
            except queue.Empty:
                if self.is_away:
                    self._probe()
                else:
                    self.width.note_idle()
                continue
            if jobs:
                self._write(jobs)
        connections.close_all()

    def _gather(self, jobs: list[Job]) -> bool:
        """Adds the next job and what waits behind it, up to a full transaction; True when the end came.

        Raises Empty when nobody has wanted anything for a while.
        """
        size = 0
        while size < self.width.value:
            try:
                job = self._jobs.get(timeout=PROBE_SECONDS) if not jobs else self._jobs.get_nowait()
            except queue.Empty:
                if jobs:
                    return False
                raise
            if job is None:
                return True
            if job.result.set_running_or_notify_cancel():
                jobs.append(job)
                size += len(job.parts)
            else:
                self._add(-job.fresh)
        return False

    def _write(self, jobs: Sequence[Job]) -> None:
        # The same order twice: its entry was read again while its first job waited here for too long.
        parts = list({part.key: part for job in jobs for part in job.parts}.values())
        outcome: Outcome[Part] = Outcome()
        try:
            for portion in self._portions(parts):
                self._write_portion(portion, outcome)
        except Exception as error:
            log.exception("lane_failed", node=self.alias)
            for job in jobs:
                job.result.set_exception(error)
            return
        finally:
            self._add(-sum(job.fresh for job in jobs))
        for job in jobs:
            job.result.set_result(_share(outcome, job.parts))

    def _portions(self, parts: Sequence[Part]) -> Iterator[Sequence[Part]]:
        start = 0
        while start < len(parts):
            # Anew for each: the one before may have changed it.
            end = start + self.width.value
            # No tail of a few orders, which would cost a commit of their own.
            end = len(parts) if len(parts) - end < self.width.value // 4 else end
            yield parts[start:end]
            start = end

    def _write_portion(self, parts: Sequence[Part], outcome: Outcome[Part]) -> None:
        if outcome.met_outage:
            outcome.put_off += [(part, f"{self.alias} is away") for part in parts]
            return
        started = self._busy_since = time.monotonic()
        try:
            # A lane lives for weeks: a connection that broke or grew old is replaced before it is needed.
            close_old_connections()
            one = write_node(self.alias, parts)
        finally:
            self._busy_since = None
        if one.met_outage:
            self.is_away = True
            self.width.note_failure()
            log.warning("node_away", node=self.alias, orders=len(one.put_off), reason=one.put_off[0][1])
        else:
            self.is_away = False
            self.width.note_success(orders=len(parts), seconds=time.monotonic() - started)
        outcome.met_outage |= one.met_outage
        outcome.done += one.done
        outcome.put_off += one.put_off
        outcome.poisoned += one.poisoned

    def _probe(self) -> None:
        self._busy_since = time.monotonic()
        try:
            close_old_connections()
            with connections[self.alias].cursor() as cursor:
                cursor.execute("SELECT 1")
            self.is_away = False
            log.warning("node_back", node=self.alias)
        except Exception as error:  # noqa: BLE001 - whatever keeps a node from answering, it isn't back
            log.info("node_still_away", node=self.alias, reason=f"{type(error).__name__}: {error}")
            connections[self.alias].close()
        finally:
            self._busy_since = None


class Dispatcher:
    """Lanes of all nodes, and who waits for whom."""

    def __init__(self, aliases: Sequence[str]) -> None:
        self.lanes = {alias: NodeLane(alias) for alias in aliases}
        # Readers whose last look found something.
        self._working: set[str] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> "Dispatcher":
        for lane in self.lanes.values():
            lane.start()
        return self

    def __exit__(self, *_error: object) -> None:
        for lane in self.lanes.values():
            lane.stop()

    def is_well(self) -> bool:
        """Whether every lane's thread lives."""
        return all(lane.is_alive() for lane in self.lanes.values())

    def is_behind(self, alias: str) -> bool:
        """Whether fresh orders should not wait for the node: it is away, hangs, or is much slower than the best."""
        lane = self.lanes[alias]
        if lane.is_away or lane.hangs:
            return True
        waiting = lane.waiting
        expected = lane.expected_seconds(waiting=waiting)
        # Who would have to wait for room there would bring the others no more than it takes.
        bound = settings.DRAIN_TRANSACTION_SECONDS * (IN_STEP if lane.has_room else 1)
        if expected <= bound:
            return False
        # When all are slow the machine or the load is to blame, and leaving orders for later would help nobody. They
        # are compared at the same queue: of two that are as quick one is always the first whose queue is empty.
        others = [
            other.expected_seconds(waiting=waiting)
            for other in self.lanes.values()
            if other is not lane and other.is_measured
        ]
        return bool(others) and expected > SLOWER_THAN_BEST * min(others)

    def wait_for_room(self, reader: str, *, had_work: bool, until: Callable[[], bool]) -> int:
        """Waits until every node that isn't behind can take more, or `until`; how many orders to read then.

        Some transactions of each node, shared among the readers that have work: the lanes join their parts again. So
        what a process has in hand is written long before others could take it for dead.
        """
        with self._lock:
            if had_work:
                self._working.add(reader)
            else:
                self._working.discard(reader)
        while True:
            in_step = [lane for alias, lane in self.lanes.items() if not self.is_behind(alias)]
            if until() or all(lane.has_room for lane in in_step):
                widths = sum(lane.width.value for lane in in_step)
                share = IN_HAND * widths // max(1, len(self._working))
                return max(share, settings.DRAIN_WIDTH_LEAST)
            time.sleep(ROOM_LOOK_SECONDS)

    def write(
        self, parts: Mapping[str, Sequence[Part]], *, patient_with: str | None = None
    ) -> dict[str, Outcome[Part]]:
        """Writes all nodes at once and waits for them; what a node that is behind doesn't take counts as put off.

        `patient_with` names the node that the caller serves alone: it is waited for, however long it takes.
        """
        promises = {
            alias: self.lanes[alias].submit(of_node, is_fresh=alias != patient_with)
            for alias, of_node in parts.items()
            if alias == patient_with or not self.is_behind(alias)
        }
        return {
            alias: self._wait(alias, promises[alias], of_node, is_patient=alias == patient_with)
            if alias in promises
            else _put_off(of_node, f"{alias} is behind")
            for alias, of_node in parts.items()
        }

    def _wait(
        self, alias: str, promise: "Future[Outcome[Part]]", parts: Sequence[Part], *, is_patient: bool
    ) -> Outcome[Part]:
        began = time.monotonic()
        while True:
            wait_for([promise], timeout=LOOK_SECONDS)
            if promise.done():
                return promise.result()
            if not is_patient and self._is_given_up(alias, promise, waited=time.monotonic() - began):
                # What the lane writes of it after all is found written when it comes again.
                promise.cancel()
                return _put_off(parts, f"{alias} is behind")
            if not self.lanes[alias].is_alive() and not promise.done():
                # Nobody will keep it. The process ends soon, and can't while somebody waits here.
                promise.cancel()
                return _put_off(parts, f"the lane of {alias} died")

    def _is_given_up(self, alias: str, promise: "Future[Outcome[Part]]", *, waited: float) -> bool:
        """Whether who waits for a promise should go on without it: nobody's fresh orders wait behind a slow node."""
        if self.lanes[alias].hangs:
            return True
        if waited <= IN_STEP * settings.DRAIN_TRANSACTION_SECONDS or not self.is_behind(alias):
            return False
        # What the lane hasn't begun costs little elsewhere; what it is writing would be handled twice.
        return promise.cancel() or waited > settings.DRAIN_PATIENCE_SECONDS


def _put_off(parts: Sequence[Part], reason: str) -> Outcome[Part]:
    return Outcome(put_off=[(part, reason) for part in parts])


def _share(outcome: Outcome[Part], parts: Sequence[Part]) -> Outcome[Part]:
    """Of the outcome of several jobs, what became of one's parts."""
    mine = {part.key for part in parts}
    return Outcome(
        done=[part for part in outcome.done if part.key in mine],
        put_off=[(part, reason) for part, reason in outcome.put_off if part.key in mine],
        poisoned=[(part, error) for part, error in outcome.poisoned if part.key in mine],
    )
