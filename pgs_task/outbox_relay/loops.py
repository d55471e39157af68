"""Runs the relays of nodes, once or for ever, and counts what they deliver."""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from pgs_data.messaging.relay import Handler, Message, Relay, RelayReport
from pgs_data.sharding.slots import node_aliases


class DeliveryCounts:
    """Messages delivered by topic since the start; repeated deliveries count again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._delivered: Counter[str] = Counter()

    def counted(self, handlers: Mapping[str, Handler]) -> dict[str, Handler]:
        """The same handlers, each counting what it got through."""
        return {str(topic): self._counted(str(topic), handler) for topic, handler in handlers.items()}

    def read(self) -> dict[str, int]:
        with self._lock:
            return dict(self._delivered)

    def _counted(self, topic: str, handler: Handler) -> Handler:
        def handle(messages: Sequence[Message]) -> None:
            handler(messages)
            with self._lock:
                self._delivered[topic] += len(messages)

        return handle


def relay_until_empty(
    handlers: Mapping[str, Handler], *, nodes: Sequence[str] | None = None, seconds: float = 60.0
) -> dict[str, RelayReport]:
    """Relays what is due, and what follows from it on the way, until a round over the nodes finds nothing.

    Ends after `seconds` at the latest; messages that were put off stay. Returns one summed report a node;
    is_holder is False where another relay had the node.
    """
    relays = {alias: Relay(alias, handlers) for alias in (node_aliases() if nodes is None else nodes)}
    sums = {alias: RelayReport(node=alias) for alias in relays}
    stop_at = time.monotonic() + seconds
    try:
        found = True
        while found and time.monotonic() < stop_at:
            found = False
            for alias, relay in relays.items():
                report = relay.run_once()
                sums[alias] = _add(sums[alias], report)
                found = found or report.read > 0
    finally:
        for relay in relays.values():
            relay.release()
    return sums


def _add(total: RelayReport, report: RelayReport) -> RelayReport:
    return RelayReport(
        node=total.node,
        is_holder=report.is_holder,
        read=total.read + report.read,
        sent=total.sent + report.sent,
        put_off=total.put_off + report.put_off,
        failed=total.failed + report.failed,
        unrouted=total.unrouted + report.unrouted,
    )
