"""What statement files of all gateways need: rows by their column names, bounded, or StatementUnreadable."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, BinaryIO

from pgs_data.ids.layout import InvalidId, parse_id
from pgs_task.payment.gateways.contract import StatementUnreadable

# Unpacked. Millions of lines; a bomb unfolds to more.
LARGEST_STATEMENT_BYTES = 1_073_741_824
LONGEST_LINE = 16_384


def read_lines(file: IO[bytes], *, encoding: str) -> Iterator[str]:
    """The lines of an unpacked file without their ends, read piece by piece; raises StatementUnreadable."""
    length = 0
    while line := file.readline(LONGEST_LINE + 1):
        length += len(line)
        if len(line) > LONGEST_LINE:
            raise StatementUnreadable(f"a line is longer than {LONGEST_LINE} bytes")
        if length > LARGEST_STATEMENT_BYTES:
            raise StatementUnreadable(f"more than {LARGEST_STATEMENT_BYTES} bytes")
        try:
            yield line.decode(encoding).rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise StatementUnreadable(f"a line isn't {encoding}") from error


def split_csv(line: str) -> list[str]:
    """The fields of one line, without the white space around them."""
    try:
        return [field.strip() for field in next(csv.reader(io.StringIO(line), strict=True), [])]
    except csv.Error as error:
        raise StatementUnreadable(f"a line isn't CSV: {error}") from error


def name_fields(fields: Sequence[str], header: Sequence[str]) -> dict[str, str]:
    """The fields by their columns; raises StatementUnreadable when there aren't as many."""
    # Both gateways end lines with a comma here and there.
    while len(fields) > len(header) and not fields[-1]:
        fields = fields[:-1]
    if len(fields) != len(header):
        raise StatementUnreadable(f"a line has {len(fields)} fields instead of {len(header)}")
    return dict(zip(header, fields, strict=True))


def require_columns(header: Sequence[str], wanted: Iterable[str]) -> None:
    """Raises StatementUnreadable when a column is missing, or there twice."""
    unclear = [name for name in wanted if list(header).count(name) != 1]
    if unclear:
        raise StatementUnreadable(f"the columns {unclear} aren't there once")


def our_payment_id(number: str) -> int:
    """The payment that a merchant's order number names, 0 for a number that isn't one of ours."""
    try:
        return parse_id(number)
    except InvalidId:
        return 0


def starts_with(file: BinaryIO, magic: bytes) -> bool:
    """Whether the file begins so; it is at its beginning afterwards."""
    start = file.read(len(magic))
    file.seek(0)
    return start == magic
