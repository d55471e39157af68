"""Invoice lines out of a CSV file, one at a time; what is damaged is told with its line numbers."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
GZIP_MAGIC = b"\x1f\x8b"
# Longer than any real line; without a bound, a file without line ends would be read into memory whole.
LONGEST_LINE_BYTES = 64 * 1024
# Damaged lines named in one message.
DAMAGE_NAMED = 20


class DamagedFile(Exception):
    """The file can't be read as invoices; `lines` names the damaged lines, the header being line 1."""

    def __init__(self, message: str, lines: tuple[int, ...] = ()) -> None:
        self.lines = lines
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """The texts of one row, spaces around them dropped; `number` is its line in the file, the header being 1."""

    number: int
    invoice_no: str
    stock_code: str
    description: str
    quantity: str
    invoice_date: str
    unit_price: str
    customer_id: str
    country: str


def parse_mapping(text: str) -> dict[str, str]:
    """`Quantity=qty,StockCode=sku` (our column = the file's) as a dict; raises ValueError that says what is wrong."""
    mapping: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        ours, separator, theirs = (part.strip() for part in pair.partition("="))
        if not (separator and ours and theirs):
            raise ValueError(f"{pair!r} isn't of the form Column=name-in-the-file.")
        if ours not in COLUMNS:
            raise ValueError(f"{ours!r} is none of our columns: {', '.join(COLUMNS)}.")
        if ours in mapping:
            raise ValueError(f"{ours} is mapped twice.")
        mapping[ours] = theirs
    return mapping


def read_invoices(
    path: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    on_bytes: Callable[[int], None] | None = None,
) -> Iterator[InvoiceRow]:
    """The file's rows in order, in constant memory; raises DamagedFile, at the latest at the end, and OSError.

    Rows of another length than the header are gathered and told together at the end, so that all of them can be mended
    at once: a caller writes nothing before the iteration has ended. `on_bytes` hears how much of the file was read.
    `encoding` is one in which a line end is the byte 10 (not UTF-16).
    """
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        source: IO[bytes] = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if is_gzip else raw
        report = (lambda: on_bytes(raw.tell())) if on_bytes else None
        lines = _Lines(source, encoding=encoding, report=report)
        reader = csv.reader(lines, strict=True)
        yield from _read_rows(reader, lines, mapping or {})


class _Lines:
    """Decoded lines of a byte stream, counted, with the stream's damages turned into DamagedFile."""

    def __init__(self, source: IO[bytes], *, encoding: str, report: Callable[[], None] | None) -> None:
        self.count = 0
        self._source = source
        self._encoding = encoding
        self._report = report

    def __iter__(self) -> Iterator[str]:
        while line := self._read():
            self.count += 1
            if self._report and self.count % 2000 == 0:
                self._report()
            yield self._decode(line)
        if self._report:
            self._report()

    def _read(self) -> bytes:
        try:
            return self._source.readline(LONGEST_LINE_BYTES + 1)
        except EOFError as error:
            raise DamagedFile(
                f"The gzip file is cut off: it ends inside line {self.count + 1}. Fetch it again.", (self.count + 1,)
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DamagedFile(
                f"The gzip data is damaged near line {self.count + 1} ({error}). Fetch it again.", (self.count + 1,)
            ) from error

    def _decode(self, line: bytes) -> str:
        if len(line) > LONGEST_LINE_BYTES:
            raise DamagedFile(f"Line {self.count} is longer than {LONGEST_LINE_BYTES} bytes: no CSV.", (self.count,))
        if b"\0" in line:
            raise DamagedFile(f"Line {self.count} holds a NUL byte: no CSV text.", (self.count,))
        try:
            text = line.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise DamagedFile(
                f"Line {self.count} isn't {self._encoding} text (byte {error.start + 1}). "
                "Name the file's encoding with --encoding, for example latin-1 or gb18030.",
                (self.count,),
            ) from error
        return text.removeprefix("\ufeff") if self.count == 1 else text


def _read_rows(reader: "csv._reader", lines: _Lines, mapping: Mapping[str, str]) -> Iterator[InvoiceRow]:  # type: ignore[name-defined]
    places, width = _read_header(reader, mapping)
    damaged: list[int] = []
    while True:
        first = lines.count + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DamagedFile(
                f"Line {first} can't be read as CSV: {error}. Look for a quotation mark that is never closed.", (first,)
            ) from error
        if row is None:
            break
        if row and len(row) != width:
            damaged.append(first)
            if len(damaged) >= DAMAGE_NAMED:
                break
            continue
        yield InvoiceRow(first, *(row[place].strip() if row else "" for place in places))
    if damaged:
        more = " or more" if len(damaged) >= DAMAGE_NAMED else ""
        raise DamagedFile(
            f"{len(damaged)}{more} lines don't have the header's {width} columns: lines "
            f"{', '.join(map(str, damaged))}. Mend or remove them.",
            tuple(damaged),
        )


def _read_header(reader: "csv._reader", mapping: Mapping[str, str]) -> tuple[list[int], int]:  # type: ignore[name-defined]
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise DamagedFile(f"Line 1 can't be read as CSV: {error}.", (1,)) from error
    if not header:
        raise DamagedFile("The file is empty: line 1 should name the columns.", (1,))
    names = [name.strip() for name in header]
    wanted = [mapping.get(column, column) for column in COLUMNS]
    missing = [name for name in wanted if names.count(name) != 1]
    if missing:
        raise DamagedFile(
            f"Line 1 should name each of these columns once: {', '.join(missing)}; it names {', '.join(names)[:400]}. "
            "Other names can be mapped: --map Quantity=qty,UnitPrice=price",
            (1,),
        )
    return [names.index(name) for name in wanted], len(names)
