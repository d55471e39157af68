"""The catalogue that a retailer's invoice lines imply: a product per stock code."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from pgs_web.display.product.invoices.reading import DamagedFile, InvoiceRow

# Codes that bill something else than goods.
NOT_PRODUCTS = frozenset(
    {
        "POST",  # postage
        "DOT",  # postage of the web shop
        "C2",  # carriage
        "M",  # manual entry
        "D",  # discount
        "S",  # samples
        "B",  # bad debt
        "BANK CHARGES",
        "AMAZONFEE",
        "CRUK",  # commission of a charity
        "PADS",  # a correction booked at a tenth of a penny
    }
)
NOT_PRODUCT_PREFIXES = ("GIFT", "ADJUST", "TEST")
STOCK_CODE = re.compile(r"[A-Z0-9](?:[A-Z0-9 ._-]{0,18}[A-Z0-9])?")
PRICE = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")
WHOLE = re.compile(r"-?[0-9]{1,9}(?:\.0)?")
LARGEST_PRICE_FEN = 1_000_000_000
LONGEST_TITLE = 120
# Memory grows with the products of a file, not with its lines; a shop with more is imported in parts.
MOST_PRODUCTS = 500_000


class Skipped(StrEnum):
    """Why a line says nothing about a product."""

    CANCELLED = "cancelled_invoice"  # takes a sale back
    NOT_A_PRODUCT = "not_a_product"  # postage, discounts, fees, vouchers
    NO_CODE = "no_stock_code"
    BAD_CODE = "bad_stock_code"  # characters or length no code has
    NO_DESCRIPTION = "no_description"  # empty, or not a letter in it
    BAD_DESCRIPTION = "bad_description"  # longer than a title may be, or with control characters
    BAD_QUANTITY = "bad_quantity"  # no whole number, or none at all
    BAD_PRICE = "bad_price"  # no number, or absurdly large
    NO_PRICE = "no_price"  # zero, negative, or less than half a fen


@dataclass(frozen=True, slots=True)
class FoundProduct:
    """A product as the lines describe it; the price in fen is one that was really asked."""

    code: str
    title: str
    price_fen: int


def normalise_stock_code(text: str) -> str:
    """One spelling of a stock code: files write 85123A and 85123a for one product."""
    return text.strip().upper()


def price_in_fen(text: str) -> int:
    """The file's price × 100, rounded half up; raises ValueError for what is no price.

    The currency is taken as it is: one pound or dollar of the file becomes one yuan.
    """
    if not PRICE.fullmatch(text):
        raise ValueError("not a price")
    return int((Decimal(text) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


class CatalogueFinder:
    """Takes lines one by one; keeps counts of descriptions and prices a code, not the lines."""

    def __init__(self) -> None:
        self.rows = 0
        self.skipped: Counter[Skipped] = Counter()
        # The first line of each reason, so that a person can look at one.
        self.first_lines: dict[Skipped, int] = {}
        self._titles: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._prices: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def add(self, row: InvoiceRow) -> None:
        """Count one line in, or count why not."""
        self.rows += 1
        judged = _judge(row)
        if isinstance(judged, Skipped):
            self.skipped[judged] += 1
            self.first_lines.setdefault(judged, row.number)
            return
        self._titles[judged.code][judged.title] += 1
        self._prices[judged.code][judged.price_fen] += 1
        if len(self._titles) > MOST_PRODUCTS:
            raise DamagedFile(
                f"More than {MOST_PRODUCTS} products by line {row.number}: split the file.", (row.number,)
            )

    def products(self) -> Iterator[FoundProduct]:
        """Every product by code, with its most used description (of equals the first by alphabet) and median price."""
        for code in sorted(self._titles):
            title = min(self._titles[code].items(), key=lambda item: (-item[1], item[0]))[0]
            yield FoundProduct(code=code, title=title, price_fen=lower_median(self._prices[code]))


def lower_median(counts: Counter[int]) -> int:
    """The middle value, of two middle ones the lower: a value that is there, unlike their mean."""
    half = (counts.total() + 1) // 2
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= half:
            return value
    raise ValueError("the median of nothing")


def _judge(row: InvoiceRow) -> FoundProduct | Skipped:
    code = normalise_stock_code(row.stock_code)
    title = " ".join(row.description.split())
    if not code:
        return Skipped.NO_CODE
    if code in NOT_PRODUCTS or code.startswith(NOT_PRODUCT_PREFIXES):
        return Skipped.NOT_A_PRODUCT
    if not STOCK_CODE.fullmatch(code):
        return Skipped.BAD_CODE
    if row.invoice_no[:1] in {"C", "c"}:
        return Skipped.CANCELLED
    return _judge_title(title) or _judge_figures(row) or FoundProduct(code, title, price_in_fen(row.unit_price))


def _judge_title(title: str) -> Skipped | None:
    if not any(character.isalpha() for character in title):
        return Skipped.NO_DESCRIPTION
    return None if len(title) <= LONGEST_TITLE and title.isprintable() else Skipped.BAD_DESCRIPTION


def _judge_figures(row: InvoiceRow) -> Skipped | None:
    if not WHOLE.fullmatch(row.quantity) or float(row.quantity) == 0:
        return Skipped.BAD_QUANTITY
    try:
        price = price_in_fen(row.unit_price)
    except ValueError:
        return Skipped.BAD_PRICE
    if price > LARGEST_PRICE_FEN:
        return Skipped.BAD_PRICE
    return Skipped.NO_PRICE if price <= 0 else None
