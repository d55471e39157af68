"""One partition's stream is read, its orders are written, and its entries are acknowledged and counted."""

import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager

import structlog

from pgs_data.messaging.errors import RetryLater, is_outage
from pgs_data.messaging.streams import Entry, StreamConsumer, unique_consumer_name
from pgs_data.redis.connections import blocking
from pgs_task.order_drain.facts import OrderFacts, RejectReason, UnfitDocument, read_facts
from pgs_task.order_drain.persisting import PersistReport, WriteParts, persist_orders, write_in_turn
from pgs_task.order_drain.rejecting import reject_order, reject_unfit, why_refused
from pgs_task.order_drain.scripts import ack_entries
from pgs_web.trade.intake.keys import INTAKE_GROUP, intake_key

log = structlog.get_logger(__name__)

ENTRIES_A_BATCH = 500
BLOCK_MS = 1000
# An entry whose drain is silent for so long is taken over. A batch takes a tenth of it; taking over too early only
# costs the look at rows that are there.
CLAIM_IDLE_MS = 5000
# Fewer orders in a batch say nothing about how many a second there could be.
MEASURED_FROM = 20


class PartitionDrain:
    """Drains one partition; belongs to one thread. `persisted`, `rejected` and `put_off` count what it did."""

    def __init__(
        self,
        partition: int,
        *,
        write: WriteParts = write_in_turn,
        block_ms: int = BLOCK_MS,
        claim_idle_ms: int = CLAIM_IDLE_MS,
    ) -> None:
        self.partition = partition
        self.persisted = 0
        self.rejected = 0
        self.put_off = 0
        self._write = write
        self._rate = 0
        # Entry id → (order id or None, reason), between the rejection and its acknowledgement.
        self._rejects: dict[str, tuple[int | None, RejectReason]] = {}
        self.consumer = StreamConsumer(
            blocking("ledger", partition, block_ms=block_ms),
            intake_key(partition),
            INTAKE_GROUP,
            unique_consumer_name("drain"),
            self._handle,
            batch_size=ENTRIES_A_BATCH,
            block_ms=block_ms,
            claim_idle_ms=claim_idle_ms,
            set_aside=self._keep,
            ack=self._acknowledge,
        )

    def _handle(self, entries: Sequence[Entry]) -> None:
        """Writes what can be written and rejects what can't; raises RetryLater for the rest only."""
        started = time.monotonic()
        later: dict[str, str] = {}
        orders: dict[str, OrderFacts] = {}
        for entry in entries:
            try:
                orders[entry.id] = read_facts(entry.fields.get("d"))
            except UnfitDocument as error:
                self._reject_unfit(entry, error, later)
        report = persist_orders(list(orders.values()), write=self._write) if orders else PersistReport()
        for entry_id, facts in orders.items():
            if facts.id in report.postponed:
                later[entry_id] = report.postponed[facts.id]
            elif facts.id in report.poisoned:
                self._reject_poisoned(entry_id, facts, report.poisoned[facts.id], later)
        if len(report.persisted) >= MEASURED_FROM:
            self._rate = int(len(report.persisted) / max(time.monotonic() - started, 0.001))
        if later:
            self.put_off += len(later)
            raise RetryLater(next(iter(later.values())), only=later)

    def _reject_unfit(self, entry: Entry, error: UnfitDocument, later: MutableMapping[str, str]) -> None:
        log.error("document_unfit", partition=self.partition, entry=entry.id, reason=error.reason, detail=str(error))
        with _later_after_outage(entry.id, later):
            order_id = reject_unfit(entry.fields.get("d"), reason=error.reason)
            self._rejects[entry.id] = (order_id, error.reason)

    def _reject_poisoned(
        self, entry_id: str, facts: OrderFacts, error: Exception, later: MutableMapping[str, str]
    ) -> None:
        log.error("order_refused", partition=self.partition, entry=entry_id, order_id=facts.id, exc_info=error)
        with _later_after_outage(entry_id, later):
            reason = why_refused(facts)
            self._rejects[entry_id] = (reject_order(facts, reason=reason), reason)

    def _acknowledge(self, entries: Sequence[Entry]) -> None:
        # Dying before it repeats the batch, which finds its rows; dying after it has nothing left to do.
        rejects = {entry.id: self._rejects[entry.id] for entry in entries if entry.id in self._rejects}
        written, refused = ack_entries(
            partition=self.partition,
            persisted=[entry.id for entry in entries if entry.id not in rejects],
            rejected=[(entry_id, order_id, reason.value) for entry_id, (order_id, reason) in rejects.items()],
            rate=self._rate,
        )
        self._rate = 0
        self.persisted += written
        self.rejected += refused
        for entry_id in rejects:
            del self._rejects[entry_id]

    def _keep(self, entry: Entry, reason: str) -> None:
        """An error that nobody foresaw is ours, not the entry's: what was promised to a shopper stays pending."""
        raise RetryLater(f"entry {entry.id} stays pending: {reason}")


@contextmanager
def _later_after_outage(entry_id: str, later: MutableMapping[str, str]) -> Iterator[None]:
    try:
        yield
    except RetryLater as error:
        later[entry_id] = error.reason
    except Exception as error:
        if not is_outage(error):
            raise
        later[entry_id] = f"{type(error).__name__}: {error}"
