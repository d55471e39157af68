"""One lane a data node: a thread that writes for all partitions together, so that the database sees few, full batches.

Its queue is the bound in front of the database: however many streams are read, one transaction a node is open. A node
that is away stops its own lane only.
"""

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass

import structlog
from django.db import close_old_connections, connections

from pgs_data.messaging.bisecting import Outcome
from pgs_task.order_drain.persisting import Part, write_node

log = structlog.get_logger(__name__)

PARTS_A_TRANSACTION = 1000
# After an outage everything is put off at once for so long, then one job tries the node again.
PAUSE_SECONDS = 1.0
# Longest wait for a lane; what it writes later is found written when the entry comes again.
PATIENCE_SECONDS = 10.0
PATIENCE_WITH_SUSPECT_SECONDS = 0.5


@dataclass(frozen=True)
class Job:
    parts: Sequence[Part]
    result: "Future[Outcome[Part]]"


class NodeLane:
    """Writes what is submitted to one node; start() before, stop() after."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.is_suspect = False
        self._away_until = 0.0
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"lane-{alias}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when everything submitted before is written."""
        self._jobs.put(None)
        self._thread.join()

    def submit(self, parts: Sequence[Part]) -> "Future[Outcome[Part]]":
        """A promise of what becomes of the parts."""
        result: Future[Outcome[Part]] = Future()
        if time.monotonic() < self._away_until:
            result.set_result(_put_off(parts, f"{self.alias} is away"))
        else:
            self._jobs.put(Job(parts, result))
        return result

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            is_last = self._gather(jobs)
            self._write(jobs)
            if is_last:
                break
        connections.close_all()

    def _gather(self, jobs: list[Job]) -> bool:
        """Adds what waits behind the first job, up to a full transaction; True when the end came."""
        size = len(jobs[0].parts)
        while size < PARTS_A_TRANSACTION:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return False
            if job is None:
                return True
            jobs.append(job)
            size += len(job.parts)
        return False

    def _write(self, jobs: Sequence[Job]) -> None:
        # The same order twice: its entry was read again while its first job waited here for too long.
        parts = list({part.key: part for job in jobs for part in job.parts}.values())
        try:
            # A lane lives for weeks: a connection that broke or grew old is replaced before it is needed.
            close_old_connections()
            outcome = write_node(self.alias, parts)
        except Exception as error:
            log.exception("lane_failed", node=self.alias)
            for job in jobs:
                job.result.set_exception(error)
            return
        self.is_suspect = bool(outcome.put_off)
        if outcome.put_off:
            self._away_until = time.monotonic() + PAUSE_SECONDS
            log.warning("node_away", node=self.alias, orders=len(outcome.put_off), reason=outcome.put_off[0][1])
        for job in jobs:
            job.result.set_result(_share(outcome, job.parts))


class NodeLanes:
    """Lanes of all nodes; `write` is for persist_orders."""

    def __init__(self, aliases: Sequence[str]) -> None:
        self.lanes = {alias: NodeLane(alias) for alias in aliases}

    def __enter__(self) -> "NodeLanes":
        for lane in self.lanes.values():
            lane.start()
        return self

    def __exit__(self, *_error: object) -> None:
        for lane in self.lanes.values():
            lane.stop()

    def write(self, parts: Mapping[str, Sequence[Part]]) -> dict[str, Outcome[Part]]:
        """Writes all nodes at once and waits for them; what isn't done in time counts as put off."""
        promises = {alias: self.lanes[alias].submit(of_node) for alias, of_node in parts.items()}
        return {alias: self._wait(alias, promise, parts[alias]) for alias, promise in promises.items()}

    def _wait(self, alias: str, promise: "Future[Outcome[Part]]", parts: Sequence[Part]) -> Outcome[Part]:
        patience = PATIENCE_WITH_SUSPECT_SECONDS if self.lanes[alias].is_suspect else PATIENCE_SECONDS
        try:
            return promise.result(timeout=patience)
        except NotInTime:
            return _put_off(parts, f"{alias} takes longer than {patience} s")


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
