"""WeChat's trade bill, packed and not, and files that only look like one."""

import gzip
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgs_task.payment.gateways import statement_files
from pgs_task.payment.gateways.contract import LineKind, StatementUnreadable
from pgs_task.payment.wechat import statement
from pgs_task.payment.wechat.statement import parse_statement, require_digest
from pgs_task.payment.wechat.tests.making import PAYMENT_ID, TRADE_NO

HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def make_row(**changes: str) -> str:
    values = {
        "trade_no": TRADE_NO,
        "order_no": str(PAYMENT_ID),
        "state": "SUCCESS",
        "currency": "CNY",
        "refund_no": "0",
        "refund_state": "",
        "name": "拼团, 水果",
        "fee": "0.05940",
        "amount": "9.90",
        "refund_amount": "0.00",
    } | changes
    fields = [
        *("2026-11-11 10:00:00", "wx0000000000000001", "1900000001", "0", "", values["trade_no"], values["order_no"]),
        *("oUpF8uMuAJO", "JSAPI", values["state"], "OTHERS", values["currency"], "9.90", "0.00", "0"),
        *(values["refund_no"], "0.00", "0.00", "", values["refund_state"], values["name"], "", values["fee"], "0.60%"),
        *(values["amount"], values["refund_amount"], ""),
    ]
    return ",".join(f"`{field}" for field in fields)


def make_refund(**changes: str) -> str:
    facts = {"state": "REFUND", "refund_no": f"R{PAYMENT_ID}", "refund_state": "SUCCESS", "fee": "-0.02000"}
    return make_row(**facts | {"amount": "0.00", "refund_amount": "3.00"} | changes)


def make_bill(rows: list[str] | None = None, *, header: str = HEADER, count: int | None = None) -> bytes:
    rows = [make_row(), make_refund()] if rows is None else rows
    totals = f"`{len(rows) if count is None else count},`9.90,`3.00,`0.00,`0.03940,`9.90,`3.00"
    return ("\ufeff" + "\r\n".join([header, *rows, TOTALS, totals, ""])).encode()


def parse(data: bytes) -> list[Any]:
    return list(parse_statement(io.BytesIO(data)))


@pytest.mark.parametrize(
    "data",
    [make_bill(), gzip.compress(make_bill()), make_bill().replace(b"\r\n", b"\n"), make_bill()[3:]],
    ids=["csv", "gzip", "line feeds", "no mark"],
)
def test_a_bill_is_read_to_the_fen(data):
    payment, refund = parse(data)
    assert (payment.kind, payment.payment_id, payment.trade_no) == (LineKind.PAYMENT, PAYMENT_ID, TRADE_NO)
    assert (payment.amount_fen, payment.refund_no, payment.fee_fen) == (990, "", 6)
    assert (refund.kind, refund.payment_id, refund.trade_no) == (LineKind.REFUND, PAYMENT_ID, TRADE_NO)
    assert (refund.amount_fen, refund.refund_no, refund.fee_fen) == (300, f"R{PAYMENT_ID}", -2)


def test_a_day_without_trades_is_empty():
    assert parse(make_bill([])) == []


def test_refunds_that_did_not_happen_are_not_booked():
    rows = [make_refund(refund_state=state) for state in ("SUCCESS", "PROCESSING", "FAIL", "CHANGE")]
    assert [line.kind for line in parse(make_bill(rows))] == [LineKind.REFUND] * 2


def test_trades_of_others_in_our_account_are_told_without_a_payment():
    lines = parse(make_bill([make_row(order_no=number) for number in ("SHOP-7", "007", str(2**63), "", "７")]))
    assert [line.payment_id for line in lines] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("amount", ["1e2", "1,000.00", "９.９０", "0x10", "", ".5", "5.", "+1", "1.001", "NaN", "--1"])
def test_what_is_no_amount_makes_the_bill_unreadable(amount):
    with pytest.raises(StatementUnreadable):
        parse(make_bill([make_row(amount=amount)]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 500,
        "你好".encode("utf-16"),
        make_bill(count=3),
        make_bill(count=1),
        make_bill(header=HEADER.replace("订单金额", "金额")),
        make_bill(header=HEADER.replace("费率备注", "手续费")),
        make_bill([make_row(state="TRANSFER")]),
        make_bill([make_row(currency="USD")]),
        make_bill([make_row(trade_no="4.00123E+27 x")]),
        make_bill([make_row() + ",`more"]),
        make_bill([make_row(name="a,`b")]),
        make_bill([make_row().rsplit(",", 5)[0]]),
        make_bill([make_row(name="x" * 20_000)]),
        make_bill()[:-200],
        gzip.compress(make_bill(), mtime=0)[:-30],
        gzip.compress(make_bill(), mtime=0)[:20] + b"\x00" * 50,
        b"\x1f\x8b" + b"\x00" * 30,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_bill_is_unreadable(data):
    with pytest.raises(StatementUnreadable):
        parse(data)


def test_a_bomb_is_not_unfolded(monkeypatch):
    bomb = io.BytesIO(gzip.compress(make_bill([make_row()] * 20_000)))
    monkeypatch.setattr(statement_files, "LARGEST_STATEMENT_BYTES", 100_000)
    monkeypatch.setattr(statement, "LARGEST_STATEMENT_BYTES", 100_000)
    with pytest.raises(StatementUnreadable, match="more than"):
        list(parse_statement(bomb))
    with pytest.raises(StatementUnreadable, match="more than"):
        require_digest(bomb, sha1="0" * 40)


@given(data=st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"\x1f\x8b" + data))
def test_whatever_it_is_it_is_read_or_unreadable(data):
    with pytest.raises(StatementUnreadable):
        parse(data)
