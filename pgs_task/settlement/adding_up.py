"""Adds up what a day brought each merchant: pages of each node's rows, and never a query a merchant."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import TypeVar

from pgs_data.sharding.slots import node_aliases
from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.models import JournalEntry
from pgs_task.payment.gateways.statement_days import day_bounds
from pgs_web.trade.delivery.models import Shipment
from pgs_web.trade.order.models import Order

ROWS_TOGETHER = 500
# How a payment comes to pay its order.
PAYING = (MovementCause.PAID, MovementCause.LATE_ACCEPTED)
COUNTED = (*PAYING, MovementCause.REFUNDED, MovementCause.FEE, MovementCause.FEE_RETURNED)

Item = TypeVar("Item")


@dataclass(kw_only=True)
class MerchantSums:
    """A merchant's day in fen; the columns of MerchantDay."""

    paid_count: int = 0
    paid_fen: int = 0
    refund_count: int = 0
    refunded_fen: int = 0
    fee_fen: int = 0
    shipped_count: int = 0
    earned_fen: int = 0
    taken_back_fen: int = 0

    @property
    def settlement_fen(self) -> int:
        return self.earned_fen - self.taken_back_fen


def add_up(*, day: date) -> dict[int, MerchantSums]:
    """Merchant → the day's sums. Every node must answer: a part would look like the whole.

    Rows count for the day on which they were written down, so a day that is over never changes. A merchant's sums of
    all days are what all his shipped orders have brought.
    """
    start, end = day_bounds(day)
    merchants: dict[int, MerchantSums] = defaultdict(MerchantSums)
    for alias in node_aliases():
        _add_movements(alias, start, end, merchants)
        _add_shipments(alias, start, end, merchants)
    return dict(merchants)


def _add_movements(alias: str, start: datetime, end: datetime, merchants: dict[int, MerchantSums]) -> None:
    moved = JournalEntry.objects.on_node(alias).filter(
        cause__in=COUNTED, line=1, recorded_at__gte=start, recorded_at__lt=end
    )
    for entries in _chunks(moved.iterator(chunk_size=ROWS_TOGETHER)):
        owners = _merchants_of(alias, {entry.order_id for entry in entries})
        shipped_before = _shipped(alias, owners.keys(), before=start)
        for entry in _of_orders(alias, entries):
            if entry.order_id not in owners:
                continue
            sums, fen = merchants[owners[entry.order_id]], entry.debit_fen
            taken_back = 0
            if entry.cause in PAYING:
                sums.paid_count += 1
                sums.paid_fen += fen
            elif entry.cause == MovementCause.REFUNDED:
                sums.refund_count += 1
                sums.refunded_fen += fen
                taken_back = fen
            else:
                kept = fen if entry.cause == MovementCause.FEE else -fen
                sums.fee_fen += kept
                taken_back = kept
            if entry.order_id in shipped_before:
                sums.taken_back_fen += taken_back


def _add_shipments(alias: str, start: datetime, end: datetime, merchants: dict[int, MerchantSums]) -> None:
    shipped = Shipment.objects.on_node(alias).filter(shipped_at__gte=start, shipped_at__lt=end)
    ids = shipped.values_list("order_id", flat=True).iterator(chunk_size=ROWS_TOGETHER)
    for order_ids in _chunks(ids):
        owners = _merchants_of(alias, order_ids)
        entries = JournalEntry.objects.on_node(alias).filter(
            order_id__in=order_ids, cause__in=COUNTED, line=1, recorded_at__lt=end
        )
        for merchant_id in owners.values():
            merchants[merchant_id].shipped_count += 1
        for entry in _of_orders(alias, list(entries)):
            if entry.order_id in owners:
                comes_in = entry.cause in {*PAYING, MovementCause.FEE_RETURNED}
                fen = entry.debit_fen if comes_in else -entry.debit_fen
                merchants[owners[entry.order_id]].earned_fen += fen


def _of_orders(alias: str, entries: Sequence[JournalEntry]) -> Iterator[JournalEntry]:
    """The entries without fees of money that paid no order: late, unexpected; those are the shop's own cost.

    The fee of a late payment comes with the entry that accepts it, which may be a later day's: on the day of the fee
    nobody knew of it.
    """
    rows = JournalEntry.objects.on_node(alias).filter(line=1, payment_id__in={entry.payment_id for entry in entries})
    causes = {MovementCause.REFUNDED, MovementCause.PAID}
    own = set(rows.filter(cause__in=causes).values_list("reference", flat=True))
    accepted = set()
    for entry in entries:
        is_fee = entry.cause in {MovementCause.FEE, MovementCause.FEE_RETURNED}
        if not is_fee or entry.reference in own:
            yield entry
        if entry.cause == MovementCause.LATE_ACCEPTED:
            accepted.add(entry.reference)
    if accepted:
        yield from rows.filter(cause=MovementCause.FEE, reference__in=accepted)


def _merchants_of(alias: str, order_ids: Collection[int]) -> dict[int, int]:
    orders = Order.objects.on_node(alias).filter(pk__in=list(order_ids))
    return dict(orders.values_list("pk", "merchant_id"))


def _shipped(alias: str, order_ids: Collection[int], *, before: datetime) -> set[int]:
    shipments = Shipment.objects.on_node(alias).filter(pk__in=list(order_ids), shipped_at__lt=before)
    return set(shipments.values_list("order_id", flat=True))


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, ROWS_TOGETHER)):
        yield chunk
