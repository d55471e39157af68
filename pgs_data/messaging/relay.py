"""Carries each node's outbox to the handlers of its topics: at least once, in batches, one relay a node at a time."""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import close_old_connections, connections

from pgs_data.clock import DatabaseNow
from pgs_data.locks import FencedLock, Lease, LeaseLost, LockHeld
from pgs_data.messaging.bisecting import Outcome, handle_batch
from pgs_data.messaging.errors import is_outage
from pgs_data.messaging.models import OutboxMessage
from pgs_data.messaging.pauses import pause_after
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.sharding.slots import node_aliases

log = structlog.get_logger(__name__)

BATCH_SIZE = 500
LOCK_TTL_MS = 5_000
FIRST_RETRY_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 60.0
# A server that was away says nothing about the message: it should leave soon after the server is back.
LONGEST_OUTAGE_SECONDS = 5.0
UNROUTED_SECONDS = 60.0
ERROR_LENGTH = 500


@dataclass(frozen=True, kw_only=True)
class Message:
    """One outbox message as its handler sees it; (node, id) names it for ever, also when it is delivered again."""

    id: int
    node: str
    topic: str
    shard_key: int
    payload: dict[str, Any]
    created_at: datetime
    attempts: int

    @property
    def key(self) -> str:
        """The message's name for `take_once`."""
        return f"{self.node}:{self.id}"


# Gets messages of one topic, outside any transaction. Its effect must be repeatable. Under a key that ends in `*` it
# gets those of every topic that begins so and has no key of its own.
Handler = Callable[[Sequence[Message]], None]


@dataclass(frozen=True, kw_only=True)
class RelayReport:
    """What one pass over a node did; is_holder is False when another relay has the node."""

    node: str
    is_holder: bool = True
    read: int = 0
    sent: int = 0
    put_off: int = 0
    failed: int = 0
    unrouted: int = 0


class Relay:
    """Relays one node's outbox; belongs to one thread."""

    def __init__(
        self,
        node_alias: str,
        handlers: Mapping[str, Handler],
        *,
        batch_size: int = BATCH_SIZE,
        lock_ttl_ms: int = LOCK_TTL_MS,
    ) -> None:
        self.node = node_alias
        self.handlers = {str(topic): handler for topic, handler in handlers.items()}
        self.batch_size = batch_size
        self._lock = FencedLock(f"outbox_relay:{node_alias}", lock_ttl_ms)
        self._lease: Lease | None = None

    def run_once(self) -> RelayReport:
        """Relays up to batch_size messages that are due; raises OperationalError or RedisUnavailable in an outage."""
        try:
            self._hold()
        except (LockHeld, LeaseLost):
            self._lease = None
            return RelayReport(node=self.node, is_holder=False)
        # The order of the index, so that a long outbox costs no more a batch than a short one.
        due = self._rows().filter(available_at__lte=DatabaseNow()).order_by("available_at", "id")
        rows = {row.pk: row for row in due[: self.batch_size]}
        report = RelayReport(node=self.node, read=len(rows))
        by_topic: dict[str, list[Message]] = {}
        for _id, row in sorted(rows.items()):
            by_topic.setdefault(row.topic, []).append(self._message(row))
        try:
            for topic, messages in by_topic.items():
                report = self._relay_topic(topic, messages, rows=rows, report=report)
        except LeaseLost:
            # Another relay is on these rows already; what we have handled and not deleted it handles again.
            self._lease = None
        return report

    def release(self) -> None:
        """Gives the node to a waiting relay at once; without it the others wait until the lease ends."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()

    def _relay_topic(
        self, topic: str, messages: Sequence[Message], *, rows: Mapping[int, OutboxMessage], report: RelayReport
    ) -> RelayReport:
        handler = self._handler_of(topic)
        if handler is None:
            log.error("outbox_topic_unrouted", node=self.node, topic=topic, count=len(messages))
            reason = f"UnroutedTopic: no handler for {topic!r}; see the table of routes."
            self._postpone([(rows[message.id], reason, UNROUTED_SECONDS) for message in messages])
            return dataclasses.replace(report, unrouted=report.unrouted + len(messages))

        def hold_and_handle(part: Sequence[Message]) -> None:
            self._hold()
            # A connection that broke, or grew old while nothing was due, is replaced before the handler needs it.
            close_old_connections()
            handler(part)

        # Dying between handler and delete: the messages are relayed again. Deleting needs no fence: whoever handled a
        # message may delete it, however late.
        outcome = handle_batch(messages, hold_and_handle, on_done=self._delete, passing=(LeaseLost, LockHeld))
        self._postpone(self._failures(topic, outcome, rows=rows))
        return dataclasses.replace(
            report,
            sent=report.sent + len(outcome.done),
            put_off=report.put_off + len(outcome.put_off),
            failed=report.failed + len(outcome.poisoned),
        )

    def _handler_of(self, topic: str) -> Handler | None:
        if topic in self.handlers:
            return self.handlers[topic]
        return next(
            (one for key, one in self.handlers.items() if key.endswith("*") and topic.startswith(key[:-1])), None
        )

    def _failures(
        self, topic: str, outcome: Outcome[Message], *, rows: Mapping[int, OutboxMessage]
    ) -> list[tuple[OutboxMessage, str, float]]:
        longest = LONGEST_OUTAGE_SECONDS if outcome.met_outage else LONGEST_RETRY_SECONDS
        if outcome.put_off:
            log.warning(
                "outbox_put_off",
                node=self.node,
                topic=topic,
                count=len(outcome.put_off),
                reason=outcome.put_off[0][1],
            )
        for message, error in outcome.poisoned:
            log.error("outbox_message_failed", node=self.node, topic=topic, id=message.id, exc_info=error)
        reasons = [(message, reason, longest) for message, reason in outcome.put_off] + [
            (message, f"{type(error).__name__}: {error}", LONGEST_RETRY_SECONDS) for message, error in outcome.poisoned
        ]
        return [
            (
                rows[message.id],
                reason,
                pause_after(message.attempts + 1, first_seconds=FIRST_RETRY_SECONDS, longest_seconds=limit),
            )
            for message, reason, limit in reasons
        ]

    def _hold(self) -> None:
        """Has the node's lock with time enough for a call of a handler; raises LockHeld or LeaseLost."""
        if self._lease is None:
            self._lease = self._lock.acquire()
        elif self._lease.remaining_ms() < self._lock.ttl_ms * 2 // 3:
            self._lease.extend()

    def _rows(self) -> Any:
        return OutboxMessage.objects.on_node(self.node)

    def _message(self, row: OutboxMessage) -> Message:
        return Message(
            id=row.pk,
            node=self.node,
            topic=row.topic,
            shard_key=row.shard_key,
            payload=row.payload,
            created_at=row.created_at,
            attempts=row.attempts,
        )

    def _delete(self, messages: Sequence[Message]) -> None:
        # Not delete(): where any package listens to deletions, Django reads every row before it removes them.
        self._rows().filter(pk__in=[message.id for message in messages])._raw_delete(self.node)

    def _postpone(self, failures: Iterable[tuple[OutboxMessage, str, float]]) -> None:
        rows = []
        for row, reason, seconds in failures:
            row.attempts += 1
            row.last_error = reason[:ERROR_LENGTH]
            row.available_at = DatabaseNow(after=timedelta(seconds=seconds))
            rows.append(row)
        # One statement. A row that a late former holder deleted meanwhile simply isn't updated.
        self._rows().bulk_update(rows, ["attempts", "last_error", "available_at"])


def run_relays(
    handlers: Mapping[str, Handler],
    stop_event: threading.Event,
    idle_seconds: float = 0.05,
    *,
    nodes: Sequence[str] | None = None,
    lock_ttl_ms: int = LOCK_TTL_MS,
) -> None:
    """Relays every node, or those named, until stop_event is set; a node or Redis that is down disturbs no other."""
    relays = [Relay(alias, handlers, lock_ttl_ms=lock_ttl_ms) for alias in (node_aliases() if nodes is None else nodes)]
    threads = [
        threading.Thread(target=_run_relay, args=(relay, stop_event, idle_seconds), name=f"relay-{relay.node}")
        for relay in relays
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _run_relay(relay: Relay, stop_event: threading.Event, idle_seconds: float) -> None:
    failures = 0
    while not stop_event.is_set():
        pause = 0.0
        try:
            close_old_connections()
            report = relay.run_once()
            failures = 0
            if not report.is_holder:
                pause = relay._lock.ttl_ms / 10_000
            elif report.read == 0:
                pause = idle_seconds
        except Exception as error:
            failures += 1
            pause = pause_after(failures, first_seconds=FIRST_RETRY_SECONDS, longest_seconds=LONGEST_OUTAGE_SECONDS)
            log.warning(
                "relay_waits", node=relay.node, failures=failures, error=str(error), exc_info=not is_outage(error)
            )
            # Whatever state the connections are in: the next try opens fresh ones. They are this thread's own.
            connections.close_all()
        stop_event.wait(pause)
    try:
        relay.release()
    except RedisUnavailable as error:
        log.info("relay_lease_left", node=relay.node, error=str(error))
    connections.close_all()
