"""Entries become rows: their orders are read, written, rejected or left for later, and counted one by one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from pgs_data.messaging.entries import Entry
from pgs_data.messaging.errors import RetryLater, is_outage
from pgs_data.sharding.slots import alias_of_id
from pgs_task.order_drain.facts import EntryFacts, OrderFacts, UnfitOrder, read_facts
from pgs_task.order_drain.persisting import PersistReport, WriteParts, persist_orders
from pgs_task.order_drain.rejecting import reject_order, reject_unfit, why_refused
from pgs_task.order_drain.scripts import EntryVerdict
from pgs_web.trade.intake.documents import LaterVersion

log = structlog.get_logger(__name__)


@dataclass
class BatchVerdict:
    """Verdicts by entry id; `unread` are entries that our own mistakes, or our age, keep us from reading, and why."""

    verdicts: dict[str, EntryVerdict] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)


def write_entries(entries: Sequence[Entry], *, partition: int, write: WriteParts) -> BatchVerdict:
    """Writes the orders of the entries, one transaction a node and pass; rejects what can't be written.

    Repeatable: what is written is found written. Nothing is acknowledged; an order that is written while its entry
    isn't acknowledged counts when the entry comes again.
    """
    batch = BatchVerdict()
    contents: dict[str, EntryFacts] = {}
    for entry in entries:
        try:
            contents[entry.id] = read_facts(entry.fields)
        except LaterVersion as error:
            # Receivers are newer than this drain: it stays pending until a drain of their age claims it.
            log.exception("entry_of_later_version", partition=partition, entry=entry.id)
            batch.unread[entry.id] = str(error)
        except Exception as error:
            # Ours, not the entry's: what was promised to shoppers stays, and no neighbour waits for it.
            log.exception("entry_not_read", partition=partition, entry=entry.id)
            batch.unread[entry.id] = f"{type(error).__name__}: {error}"
    orders = [facts for content in contents.values() for facts in content.fit]
    report = persist_orders(orders, write=write) if orders else PersistReport()
    for entry_id, content in contents.items():
        batch.verdicts[entry_id] = _judge_entry(entry_id, content, report, partition=partition)
    return batch


def _judge_entry(entry_id: str, content: EntryFacts, report: PersistReport, *, partition: int) -> EntryVerdict:
    verdict = EntryVerdict()
    for facts in content.fit:
        if facts.id in report.persisted:
            verdict.persisted += 1
        elif facts.id in report.postponed:
            verdict.left.setdefault(report.postponed[facts.id].node, []).append(facts.id)
        else:
            log.error(
                "order_refused",
                partition=partition,
                entry=entry_id,
                order_id=facts.id,
                exc_info=report.poisoned[facts.id],
            )
            _reject_poisoned(facts, verdict)
    for unfit in content.unfit:
        log.error("document_unfit", partition=partition, entry=entry_id, reason=unfit.reason, detail=unfit.detail)
        _reject_unfit(unfit, verdict)
    return verdict


def _reject_poisoned(facts: OrderFacts, verdict: EntryVerdict) -> None:
    with _left_after_outage(facts.id, facts.alias, verdict):
        reason = why_refused(facts)
        verdict.rejected.append((reject_order(facts, reason=reason), reason.value))


def _reject_unfit(unfit: UnfitOrder, verdict: EntryVerdict) -> None:
    try:
        alias = alias_of_id(unfit.order_id or 0)
    except ValueError:
        alias = ""
    with _left_after_outage(unfit.order_id or 0, alias, verdict):
        verdict.rejected.append((reject_unfit(unfit), unfit.reason.value))


@contextmanager
def _left_after_outage(order_id: int, alias: str, verdict: EntryVerdict) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not isinstance(error, RetryLater) and not is_outage(error):
            raise
        log.warning("order_not_rejected_yet", order_id=order_id, reason=str(error))
        verdict.left.setdefault(alias, []).append(order_id)


def stays(verdict: EntryVerdict, *, node: str | None) -> bool:
    """Whether nothing came of an entry that waits for the node already: moving it would only put it last."""
    return node is not None and not verdict.persisted and not verdict.rejected and set(verdict.left) == {node}


def count_put_off(batch: BatchVerdict) -> int:
    """Orders that are left for later, and one for each entry that wasn't read."""
    return len(batch.unread) + sum(len(ids) for one in batch.verdicts.values() for ids in one.left.values())
