"""Who bought on which day, out of a retailer's invoice rows, one day at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from pgs_web.display.product.invoices.catalogue import WHOLE
from pgs_web.display.product.invoices.reading import InvoiceRow

# Line numbers named a reason.
LINES_NAMED = 5


class LeftOut(StrEnum):
    """Why a row tells nobody who bought on a day."""

    NO_CUSTOMER = "it names no customer"
    CANCELLED = "its invoice is a cancellation"
    BAD_QUANTITY = "its quantity is no whole number above 0"
    BAD_DATE = "its date can't be read"
    EARLIER_DAY = "it goes back to a day before the line above it"
    OUTSIDE = "outside of --start and --end"


@dataclass(frozen=True)
class BuyingDay:
    """A day and who bought on it, in the order of their first lines."""

    day: date
    buyers: tuple[str, ...]


@dataclass
class DayReader:
    """Which rows count; times are the file's own. Holds one day's buyers, and counts what it leaves out."""

    start: datetime | None = None
    end: datetime | None = None
    rows: int = 0
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    # Reason → the first lines that were left out for it.
    lines: dict[LeftOut, list[int]] = field(default_factory=dict)

    def days(self, rows: Iterable[InvoiceRow]) -> Iterator[BuyingDay]:
        """The days of a file that is sorted by time; a row that goes back to an earlier day is left out."""
        day: date | None = None
        buyers: dict[str, None] = {}
        for row in rows:
            self.rows += 1
            judged = self._judge(row, not_before=day)
            if isinstance(judged, LeftOut):
                self.left_out[judged] += 1
                named = self.lines.setdefault(judged, [])
                if len(named) < LINES_NAMED:
                    named.append(row.number)
                continue
            if day is not None and judged != day:
                yield BuyingDay(day, tuple(buyers))
                buyers = {}
            day = judged
            buyers.setdefault(_customer(row))
        if day is not None:
            yield BuyingDay(day, tuple(buyers))

    def _judge(self, row: InvoiceRow, *, not_before: date | None) -> date | LeftOut:
        if not _customer(row):
            return LeftOut.NO_CUSTOMER
        if row.invoice_no[:1] in {"C", "c"}:
            return LeftOut.CANCELLED
        if not WHOLE.fullmatch(row.quantity) or float(row.quantity) <= 0:
            return LeftOut.BAD_QUANTITY
        try:
            time = datetime.fromisoformat(row.invoice_date).replace(tzinfo=None)
        except ValueError:
            return LeftOut.BAD_DATE
        if (self.start and time < self.start) or (self.end and time >= self.end):
            return LeftOut.OUTSIDE
        if not_before is not None and time.date() < not_before:
            return LeftOut.EARLIER_DAY
        return time.date()


def _customer(row: InvoiceRow) -> str:
    return row.customer_id.removesuffix(".0")
