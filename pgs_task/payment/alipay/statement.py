"""Alipay's trade bill of a day: a ZIP of CSV files in GBK, of which the details (业务明细) are read."""

import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from pgs_task.payment.gateways.contract import LineKind, StatementLine, StatementUnreadable
from pgs_task.payment.gateways.notice_fields import NUMBER
from pgs_task.payment.gateways.statement_files import (
    name_fields,
    our_payment_id,
    read_lines,
    require_columns,
    split_csv,
    starts_with,
)
from pgs_task.payment.gateways.yuan import read_booked_fee, read_booked_yuan

# A superset of GBK, which shoppers' rare characters need.
ENCODING = "gb18030"
MOST_FILES = 16
ZIP_MAGIC = b"PK\x03\x04"
DETAILS = "业务明细"
SUMMARY = "汇总"
DETAILS_END = "业务明细列表结束"

TRADE_NO = "支付宝交易号"
ORDER_NO = "商户订单号"
KIND = "业务类型"
AMOUNT = "订单金额（元）"
REFUND_NO = "退款批次号/请求号"
FEE = "服务费（元）"
COLUMNS = (TRADE_NO, ORDER_NO, KIND, AMOUNT, REFUND_NO, FEE)
_KINDS = {"交易": LineKind.PAYMENT, "退款": LineKind.REFUND}


def parse_statement(file: BinaryIO) -> Iterator[StatementLine]:
    """The lines of a bill, as Alipay packed it or unpacked, read piece by piece; raises StatementUnreadable.

    `file` is at its beginning and can be sought. What was yielded before an error is to be thrown away.
    """
    if not starts_with(file, ZIP_MAGIC):
        yield from _parse_details(file)
        return
    try:
        # Its writer doesn't mark names as GBK.
        with zipfile.ZipFile(file, metadata_encoding="gbk") as archive, archive.open(_find_details(archive)) as details:
            yield from _parse_details(details)  # type: ignore[arg-type]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        # Encrypted, packed in an unknown way, cut off, or damaged.
        raise StatementUnreadable(f"the file can't be unpacked: {type(error).__name__}") from error


def _find_details(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = archive.infolist()
    if len(files) > MOST_FILES:
        raise StatementUnreadable(f"more than {MOST_FILES} files")
    details = [each for each in files if DETAILS in each.filename and SUMMARY not in each.filename]
    if len(details) != 1:
        raise StatementUnreadable(f"{len(details)} files of details instead of one")
    return details[0]


def _parse_details(file: BinaryIO) -> Iterator[StatementLine]:
    header: list[str] = []
    is_complete = False
    for text in read_lines(file, encoding=ENCODING):
        if text.startswith("#") or not text.strip():
            is_complete = is_complete or DETAILS_END in text
            continue
        fields = split_csv(text)
        if not header:
            require_columns(fields, COLUMNS)
            header = fields
            continue
        yield _read_line(name_fields(fields, header))
    if not header or not is_complete:
        # A file that was cut off looks like one with fewer trades.
        raise StatementUnreadable("the header or the mark of the end is missing")


def _read_line(fields: dict[str, str]) -> StatementLine:
    kind = _KINDS.get(fields[KIND])
    if kind is None or not NUMBER.fullmatch(fields[TRADE_NO]):
        raise StatementUnreadable(f"a line of an unknown kind: {fields[KIND][:20]}")
    try:
        amount_fen = read_booked_yuan(fields[AMOUNT])
        fee_fen = -read_booked_fee(fields[FEE]) if fields[FEE] else 0
    except ValueError as error:
        raise StatementUnreadable(str(error)) from error
    # Refunds are negative there, fees of payments too.
    return StatementLine(
        kind=kind,
        payment_id=our_payment_id(fields[ORDER_NO]),
        trade_no=fields[TRADE_NO],
        amount_fen=-amount_fen if kind == LineKind.REFUND else amount_fen,
        refund_no=fields[REFUND_NO] if kind == LineKind.REFUND else "",
        fee_fen=fee_fen,
    )
