"""Alipay's trade bill, packed and unpacked, and files that only look like one."""

import io
import zipfile
from collections import deque
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgs_task.payment.alipay.statement import parse_statement
from pgs_task.payment.alipay.tests.making import PAYMENT_ID, TRADE_NO
from pgs_task.payment.gateways import statement_files
from pgs_task.payment.gateways.contract import LineKind, StatementUnreadable

HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
START = [
    "#支付宝业务明细查询",
    "#账号：[20880000000000010156]",
    "#起始日期：[2026年11月11日 00:00:00]   终止日期：[2026年11月12日 00:00:00]",
    "#-----------------------------------------业务明细列表----------------------------------------",
]
END = [
    "#-----------------------------------------业务明细列表结束------------------------------------",
    "#交易合计：1笔，商家实收共9.90元，商家优惠共0.00元",
    "#退款合计：1笔，商家实收退款共-3.00元，商家优惠退款共0.00元",
    "#导出时间：[2026年11月12日 09:30:00]",
]


def make_row(**changes: Any) -> str:
    values = {"order_no": str(PAYMENT_ID), "kind": "交易", "amount": "9.90", "refund_no": "", "fee": "-0.06"} | changes
    return (
        f"{TRADE_NO}\t,{values['order_no']}\t,{values['kind']},拼团 𠮷果,2026-11-11 10:00:00,2026-11-11 10:00:05,,,,,"
        f"buy***@example.com\t,{values['amount']},{values['amount']},0.00,0.00,0.00,0.00,0.00,,0.00,0.00,"
        f"{values['refund_no']}\t,{values['fee']},0.00,"
    )


REFUND = make_row(kind="退款", amount="-3.00", refund_no=f"R{PAYMENT_ID}", fee="0.02")


def make_details(rows: list[str] | None = None, *, start: Any = START, header: str = HEADER, end: Any = END) -> bytes:
    rows = [make_row(), REFUND] if rows is None else rows
    return "\r\n".join([*start, header, *rows, *end, ""]).encode("gb18030")


class GbkInfo(zipfile.ZipInfo):
    """As Alipay's packer writes names: in GBK, and not marked as anything."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        return self.filename.encode("gbk"), 0


def make_zip(details: bytes | None = None, *, names: tuple[str, ...] = ("业务明细",), packing: int = 8) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name in (*names, "业务明细(汇总)"):
            info = GbkInfo(f"20880000000000010156_20261111_{name}.csv")
            info.compress_type = packing
            archive.writestr(info, make_details() if details is None else details)
    return file.getvalue()


def parse(data: bytes) -> list[Any]:
    return list(parse_statement(io.BytesIO(data)))


@pytest.mark.parametrize("data", [make_details(), make_zip(), make_zip(packing=0)], ids=["csv", "zip", "stored"])
def test_a_bill_is_read_to_the_fen(data):
    payment, refund = parse(data)
    assert (payment.kind, payment.payment_id, payment.trade_no) == (LineKind.PAYMENT, PAYMENT_ID, TRADE_NO)
    assert (payment.amount_fen, payment.refund_no, payment.fee_fen) == (990, "", 6)
    assert (refund.kind, refund.payment_id, refund.trade_no) == (LineKind.REFUND, PAYMENT_ID, TRADE_NO)
    assert (refund.amount_fen, refund.refund_no, refund.fee_fen) == (300, f"R{PAYMENT_ID}", -2)


def test_a_day_without_trades_is_empty():
    assert parse(make_details([])) == []


def test_trades_of_others_in_our_account_are_told_without_a_payment():
    lines = parse(make_details([make_row(order_no=number) for number in ("SHOP-7", "007", str(2**63), "", "７")]))
    assert [line.payment_id for line in lines] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("amount", "fen"), [("0.01", 1), ("1", 100), ("12.3", 1_230), ("12.300000", 1_230), ("999999999999.99", 10**14 - 1)]
)
def test_amounts_are_exact(amount, fen):
    (line,) = parse(make_details([make_row(amount=amount)]))
    assert line.amount_fen == fen


@pytest.mark.parametrize("amount", ["1e2", "1,000.00", "９.９０", "0x10", "", ".5", "5.", "+1", "1.001", "NaN", "--1"])
def test_what_is_no_amount_makes_the_bill_unreadable(amount):
    # A number with a comma is one field more.
    with pytest.raises(StatementUnreadable):
        parse(make_details([make_row(amount=amount)]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 500,
        "你好".encode("utf-16"),
        make_details(end=[]),
        make_details(header=HEADER.replace("订单金额（元）", "金额")),
        make_details(header=HEADER.replace("商家实收（元）", "订单金额（元）")),
        make_details([make_row(kind="转账")]),
        make_details([make_row() + ",more"]),
        make_details([make_row().rsplit(",", 5)[0]]),
        make_details(['"open' + make_row()]),
        make_details([make_row(refund_no="x" * 20_000)]),
        make_details()[:-280],
        make_zip()[:-30],
        make_zip(names=()),
        make_zip(names=("业务明细", "a业务明细")),
        make_zip(names=tuple(f"{number}" for number in range(20))),
        make_zip().replace(b"\x00\x00\x08\x00", b"\x01\x00\x08\x00"),
        make_zip(packing=0).replace(b"9.90", b"9.91"),
        b"PK\x03\x04" + b"\x00" * 300,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_bill_is_unreadable(data):
    with pytest.raises(StatementUnreadable):
        parse(data)


def test_a_bomb_is_not_unfolded(monkeypatch):
    monkeypatch.setattr(statement_files, "LARGEST_STATEMENT_BYTES", 100_000)
    bomb = make_zip(make_details([make_row()] * 100_000))
    assert len(bomb) < 200_000
    lines = parse_statement(io.BytesIO(bomb))
    assert len(list(islice(lines, 300))) == 300
    with pytest.raises(StatementUnreadable):
        deque(islice(lines, 600), maxlen=0)


@given(data=st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"PK\x03\x04" + data))
def test_whatever_it_is_it_is_read_or_unreadable(data):
    with pytest.raises(StatementUnreadable):
        parse(data)
