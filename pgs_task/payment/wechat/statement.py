"""WeChat's trade bill of a day: CSV in UTF-8, perhaps packed by gzip, each value behind a backtick."""

import gzip
import hashlib
import hmac
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from pgs_task.payment.gateways.contract import LineKind, StatementLine, StatementUnreadable
from pgs_task.payment.gateways.notice_fields import NUMBER
from pgs_task.payment.gateways.statement_files import (
    LARGEST_STATEMENT_BYTES,
    name_fields,
    our_payment_id,
    read_lines,
    require_columns,
    starts_with,
)
from pgs_task.payment.gateways.yuan import read_booked_fee, read_booked_yuan

GZIP_MAGIC = b"\x1f\x8b"
READ_TOGETHER = 65_536
BEFORE_VALUE = "`"
BETWEEN_VALUES = ",`"

TRADE_NO = "微信订单号"
ORDER_NO = "商户订单号"
STATE = "交易状态"
CURRENCY = "货币种类"
REFUND_NO = "商户退款单号"
REFUND_STATE = "退款状态"
FEE = "手续费"
AMOUNT = "订单金额"
REFUND_AMOUNT = "申请退款金额"
COLUMNS = (TRADE_NO, ORDER_NO, STATE, CURRENCY, REFUND_NO, REFUND_STATE, FEE, AMOUNT, REFUND_AMOUNT)
LINE_COUNT = "总交易单数"
_KINDS = {"SUCCESS": LineKind.PAYMENT, "REFUND": LineKind.REFUND, "REVOKED": LineKind.REFUND}
# The money has left the merchant; a refund that failed or came back hasn't.
BOOKED_REFUNDS = frozenset({"SUCCESS", "PROCESSING"})


def parse_statement(file: BinaryIO) -> Iterator[StatementLine]:
    """The lines of a bill, packed or not, read piece by piece; raises StatementUnreadable.

    `file` can be sought and is read from its beginning. What was yielded before an error is to be thrown away.
    """
    with _unpacked(file) as lines:
        yield from _parse(read_lines(lines, encoding="utf-8"))


def require_digest(file: BinaryIO, *, sha1: str) -> None:
    """Raises StatementUnreadable unless the unpacked file has the digest that WeChat signed."""
    # WeChat's choice; it finds a damaged file, the address came signed and over TLS.
    digest = hashlib.sha1(usedforsecurity=False)
    length = 0
    with _unpacked(file) as content:
        while piece := content.read(READ_TOGETHER):
            length += len(piece)
            if length > LARGEST_STATEMENT_BYTES:
                raise StatementUnreadable(f"more than {LARGEST_STATEMENT_BYTES} bytes")
            digest.update(piece)
    if not hmac.compare_digest(digest.hexdigest().encode(), sha1.lower().encode("utf-8", "replace")):
        raise StatementUnreadable("the file isn't the one that was announced")


@contextmanager
def _unpacked(file: BinaryIO) -> Iterator[IO[bytes]]:
    file.seek(0)
    if not starts_with(file, GZIP_MAGIC):
        yield file
        return
    try:
        with gzip.open(file, "rb") as content:
            yield cast("IO[bytes]", content)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise StatementUnreadable(f"the file can't be unpacked: {type(error).__name__}") from error


def _parse(lines: Iterator[str]) -> Iterator[StatementLine]:
    header = next(lines, "").removeprefix("\ufeff").split(",")
    require_columns(header, COLUMNS)
    for count, text in enumerate(lines):
        if not text.startswith(BEFORE_VALUE):
            # The header of the totals; what follows it isn't a trade.
            _check_totals(text.split(","), next(lines, ""), count=count)
            return
        line = _read_line(name_fields(_split(text), header))
        if line is not None:
            yield line
    # A file that was cut off looks like one with fewer trades.
    raise StatementUnreadable("the totals are missing")


def _split(text: str) -> list[str]:
    # A comma may be part of a product's name: only one with a backtick behind it separates.
    return [value.strip() for value in text.removeprefix(BEFORE_VALUE).split(BETWEEN_VALUES)]


def _check_totals(header: list[str], text: str, *, count: int) -> None:
    require_columns(header, [LINE_COUNT])
    totals = name_fields(_split(text), header)
    if totals[LINE_COUNT] != str(count):
        raise StatementUnreadable(f"{count} lines where {totals[LINE_COUNT][:20]} were announced")


def _read_line(fields: dict[str, str]) -> StatementLine | None:
    kind = _KINDS.get(fields[STATE])
    if kind is None or not NUMBER.fullmatch(fields[TRADE_NO]) or fields[CURRENCY] != "CNY":
        raise StatementUnreadable(f"a line of an unknown kind: {fields[STATE][:20]} {fields[CURRENCY][:20]}")
    is_refund = kind == LineKind.REFUND
    if is_refund and fields[REFUND_STATE] not in BOOKED_REFUNDS:
        return None
    try:
        amount_fen = read_booked_yuan(fields[REFUND_AMOUNT if is_refund else AMOUNT])
        fee_fen = read_booked_fee(fields[FEE])
    except ValueError as error:
        raise StatementUnreadable(str(error)) from error
    return StatementLine(
        kind=kind,
        payment_id=our_payment_id(fields[ORDER_NO]),
        trade_no=fields[TRADE_NO],
        amount_fen=amount_fen,
        refund_no=fields[REFUND_NO] if is_refund else "",
        fee_fen=fee_fen,
    )
