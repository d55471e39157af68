"""Turns a retailer's invoice rows into lines to play, and counts what can't be played by reason."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pgs_task.replay.invoice import InvoiceLine
from pgs_web.display.product.invoices.catalogue import WHOLE, normalise_stock_code
from pgs_web.display.product.invoices.reading import InvoiceRow

# An order of more units than this is a wholesale invoice; the API's own limit of a quantity is of the same size.
LARGEST_QUANTITY = 100_000


class Unplayable(StrEnum):
    """Why a row is no line of a play."""

    NOT_IN_CATALOGUE = "its stock code is not in the catalogue"
    BAD_QUANTITY = "its quantity is no whole number other than 0"
    STOCK_CORRECTION = "a negative quantity without a cancelled invoice: a correction of stock"
    BAD_DATE = "its date can't be read"
    OUTSIDE = "outside of --start and --end"


@dataclass
class LineFilter:
    """Which rows are wanted; `codes` are the catalogue's, times are the file's own."""

    codes: frozenset[str]
    start: datetime | None = None
    end: datetime | None = None
    limit: int | None = None
    rows: int = 0
    left_out: Counter[Unplayable] = field(default_factory=Counter)

    def lines(self, rows: Iterable[InvoiceRow]) -> Iterator[InvoiceLine]:
        """The playable lines in the file's order, at most `limit`."""
        taken = 0
        for row in rows:
            if self.limit is not None and taken >= self.limit:
                return
            self.rows += 1
            judged = self._judge(row)
            if isinstance(judged, Unplayable):
                self.left_out[judged] += 1
                continue
            taken += 1
            yield InvoiceLine(number=taken, **judged)

    def _judge(self, row: InvoiceRow) -> dict[str, Any] | Unplayable:
        code = normalise_stock_code(row.stock_code)
        if code not in self.codes:
            return Unplayable.NOT_IN_CATALOGUE
        quantity = int(float(row.quantity)) if WHOLE.fullmatch(row.quantity) else 0
        if quantity == 0 or abs(quantity) > LARGEST_QUANTITY:
            return Unplayable.BAD_QUANTITY
        is_cancellation = row.invoice_no[:1] in {"C", "c"}
        if (quantity < 0) != is_cancellation:
            return Unplayable.STOCK_CORRECTION
        try:
            time = datetime.fromisoformat(row.invoice_date)
        except ValueError:
            return Unplayable.BAD_DATE
        if (self.start and time < self.start) or (self.end and time >= self.end):
            return Unplayable.OUTSIDE
        return {
            "code": code,
            "customer": row.customer_id.removesuffix(".0") or f"guest-{row.invoice_no}",
            "quantity": abs(quantity),
            "time": time,
            "is_cancellation": is_cancellation,
        }
