"""Round trips over HTTP with a double of Alipay that checks our signatures and signs its answers."""

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured

from pgs_task.payment.alipay.adapter import AlipayGateway
from pgs_task.payment.alipay.tests.making import (
    PAYMENT_ID,
    TRADE_NO,
    AlipayDouble,
    alipay_at_work,
    failure,
    make_account,
)
from pgs_task.payment.alipay.tests.test_statement import make_zip
from pgs_task.payment.gateways import exchange
from pgs_task.payment.gateways.contract import (
    GatewayUnavailable,
    RefundAnswerState,
    RefundRequest,
    TradeRequest,
    TradeState,
)
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.gateways.tests.serving import Said, check_signature, private_pem, public_pem

At = tuple[AlipayDouble, AlipayGateway]


@pytest.fixture(scope="module")
def running() -> Iterator[At]:
    with alipay_at_work() as at:
        yield at


@pytest.fixture
def at(running: At) -> At:
    double, gateway = running
    fresh = AlipayDouble(address=double.address)
    double.__dict__.update(fresh.__dict__)
    return double, gateway


def refund_request(**changes: Any) -> RefundRequest:
    values = {"payment_id": PAYMENT_ID, "trade_no": TRADE_NO, "refund_no": f"R{PAYMENT_ID}", "reason": "by_member"}
    return RefundRequest(**values | {"amount_fen": 990, "paid_fen": 990} | changes)


def test_creating_signs_the_address_of_alipays_page():
    expires_at = datetime(2026, 11, 11, 16, 0, 0, 999_999, tzinfo=UTC)
    trade = TradeRequest(
        payment_id=PAYMENT_ID,
        order_id=42,
        amount_fen=1_000_005,
        currency="CNY",
        expires_at=expires_at,
        shop_url="https://shop.example.com",
    )
    account = make_account(return_url="https://shop.example.com/paid")
    pay = AlipayGateway(account).create(trade)
    assert pay["method"] == "GET"
    assert pay["url"].startswith(f"{account.endpoint}?")
    fields = dict(parse_qsl(urlsplit(pay["url"]).query, strict_parsing=True))
    signature = base64.b64decode(fields.pop("sign"))
    message = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
    check_signature("shop", signature, message.encode())
    assert fields["biz_content"] == (
        f'{{"subject":"PGS 42","out_trade_no":"{PAYMENT_ID}","total_amount":"10000.05",'
        '"product_code":"QUICK_WAP_PAY","time_expire":"2026-11-12 00:00:00"}'
    )
    assert fields["method"] == "alipay.trade.wap.pay"
    assert fields["notify_url"] == "https://shop.example.com/api/v1/payments/notices/alipay/"
    assert fields["return_url"] == "https://shop.example.com/paid"


def test_the_timestamp_is_alipays_clock_wherever_the_machine_stands(at):
    # The SDK writes the machine's wall clock.
    body = at[1]._client.build_body("alipay.trade.query", {})
    moment = datetime.strptime(body["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) - timedelta(hours=8)
    assert abs((moment - datetime.now(UTC)).total_seconds()) < 5


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("WAIT_BUYER_PAY", TradeState.WAITING),
        ("TRADE_SUCCESS", TradeState.PAID),
        ("TRADE_FINISHED", TradeState.PAID),
        ("TRADE_CLOSED", TradeState.RETURNED),
    ],
)
def test_querying_a_trade(at, status, state):
    double, gateway = at
    double.pay(status=status)
    answer = gateway.query(payment_id=PAYMENT_ID)
    assert answer.state == state
    if state in {TradeState.PAID, TradeState.RETURNED}:
        assert (answer.trade_no, answer.amount_fen, answer.currency) == (TRADE_NO, 990, "CNY")
        assert 50 < (datetime.now(UTC) - answer.paid_at).total_seconds() < 70


def test_a_trade_that_alipay_never_saw_is_unknown(at):
    assert at[1].query(payment_id=PAYMENT_ID).state == TradeState.UNKNOWN
    assert at[1].close(payment_id=PAYMENT_ID).state == TradeState.UNKNOWN


def test_closing_once_and_again(at):
    double, gateway = at
    double.pay(status="WAIT_BUYER_PAY")
    assert gateway.close(payment_id=PAYMENT_ID).state == TradeState.CLOSED
    assert gateway.close(payment_id=PAYMENT_ID).state == TradeState.CLOSED


def test_a_payment_wins_against_closing(at):
    double, gateway = at
    double.pay()
    answer = gateway.close(payment_id=PAYMENT_ID)
    assert (answer.state, answer.amount_fen) == (TradeState.PAID, 990)


def test_refunding_once_however_often(at):
    double, gateway = at
    double.pay()
    assert gateway.query_refund(payment_id=PAYMENT_ID, refund_no=f"R{PAYMENT_ID}").state == RefundAnswerState.UNKNOWN
    first, again = gateway.refund(refund_request()), gateway.refund(refund_request())
    asked = gateway.query_refund(payment_id=PAYMENT_ID, refund_no=f"R{PAYMENT_ID}")
    for answer in (first, again, asked):
        assert (answer.state, answer.gateway_refund_no) == (RefundAnswerState.SUCCEEDED, f"R{PAYMENT_ID}")
        assert abs((datetime.now(UTC) - answer.refunded_at).total_seconds()) < 5
    assert [refund["refund_amount"] for refund in double.refunds.values()] == ["9.90"]


def test_a_refund_that_moved_no_money_is_not_done(at):
    double, gateway = at
    double.pay()
    double.failures.append({"out_trade_no": str(PAYMENT_ID), "trade_no": TRADE_NO, "fund_change": "N"})
    assert gateway.refund(refund_request()).state == RefundAnswerState.PROCESSING
    assert gateway.refund(refund_request()).state == RefundAnswerState.SUCCEEDED


@pytest.mark.parametrize("sub_code", ["ACQ.SELLER_BALANCE_NOT_ENOUGH", "ACQ.TRADE_NOT_EXIST", "ACQ.TRADE_HAS_FINISHED"])
def test_a_refund_that_alipay_refuses(at, sub_code):
    at[0].failures.append(failure(sub_code))
    answer = at[1].refund(refund_request())
    assert (answer.state, answer.message) == (RefundAnswerState.REFUSED, sub_code)


@pytest.mark.parametrize(
    "said",
    [
        failure("ACQ.SYSTEM_ERROR"),
        failure("aop.ACQ.SYSTEM_ERROR"),
        failure("isp.unknow-error", code="20000"),
        failure("isv.invalid-signature", code="40002"),
    ],
    ids=lambda said: said["sub_code"],
)
@pytest.mark.parametrize("act", ["query", "close", "refund", "query_refund", "fetch_statement"])
def test_an_unknown_outcome_is_no_answer(at, said, act):
    at[0].pay(status="WAIT_BUYER_PAY")
    at[0].failures.append(said)
    with pytest.raises(GatewayUnavailable):
        do(at[1], act)


def do(gateway: AlipayGateway, act: str) -> Any:
    match act:
        case "refund":
            return gateway.refund(refund_request())
        case "query_refund":
            return gateway.query_refund(payment_id=PAYMENT_ID, refund_no=f"R{PAYMENT_ID}")
        case "fetch_statement":
            return list(gateway.fetch_statement(day=date(2026, 11, 11)))
        case _:
            return getattr(gateway, act)(payment_id=PAYMENT_ID)


def strip_signature(said: Said) -> Said:
    return Said(said.body[: said.body.rindex(b',"sign"')] + b"}")


SPOILERS = {
    "unsigned": strip_signature,
    "one byte changed": lambda said: Said(said.body.replace(b'"9.90"', b'"9.91"').replace(b"4.", b"5.")),
    "garbage": lambda said: Said(b"<html>502 Bad Gateway</html>"),
    "nothing": lambda said: Said(b""),
    "an array": lambda said: Said(b'["sign"]'),
    "null": lambda said: Said(b'{"alipay_trade_query_response":null}'),
    "deep": lambda said: Said(b"[" * 50_000),
    "not utf-8": lambda said: Said(b"\xff\xfe"),
    "500": lambda said: Said(said.body, status=500),
    "elsewhere": lambda said: Said(status=302, headers={"Location": "http://127.0.0.1:9/"}),
    "too long": lambda said: Said(said.body + b" " * exchange.LARGEST_ANSWER),
    "a bad signature": lambda said: Said(said.body.replace(b'"sign":"', b'"sign":"AAAA')),
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS.keys())
@pytest.mark.parametrize("act", ["query", "refund"])
def test_an_answer_that_is_not_alipays_decides_nothing(at, spoil, act):
    double, gateway = at
    double.pay()
    double.spoil = spoil
    with pytest.raises(GatewayUnavailable):
        do(gateway, act)
    double.spoil = lambda said: said
    assert do(gateway, act).state in {TradeState.PAID, RefundAnswerState.SUCCEEDED}


def test_an_unsigned_not_found_does_not_close(at):
    # The SDK raises an exception with the error's code for it: believed, a stranger's word would cancel an order.
    double, gateway = at
    double.pay()
    double.spoil = lambda said: Said(
        b'{"alipay_trade_close_response":{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}}'
    )
    with pytest.raises(GatewayUnavailable):
        gateway.close(payment_id=PAYMENT_ID)


def test_another_key_is_not_alipays(at):
    double, gateway = at
    double.pay()
    trade = {"code": "10000", **double.trades[str(PAYMENT_ID)]}
    double.spoil = lambda said: double.signed("alipay.trade.query", trade, owner="stranger")
    with pytest.raises(GatewayUnavailable):
        gateway.query(payment_id=PAYMENT_ID)
    double.spoil = lambda said: double.signed("alipay.trade.query", trade)
    assert gateway.query(payment_id=PAYMENT_ID).state == TradeState.PAID


def test_a_signed_answer_about_another_trade_is_none(at):
    double, gateway = at
    double.pay(payment_id=5)
    double.trades[str(PAYMENT_ID)] = double.trades["5"]
    for act in ("query", "close"):
        with pytest.raises(GatewayUnavailable):
            do(gateway, act)


@pytest.mark.parametrize(
    "changes",
    [
        {"total_amount": "9.9"},
        {"total_amount": "1e2"},
        {"total_amount": "-9.90"},
        {"total_amount": "９.９０"},
        {"total_amount": 9.9},
        {"trade_no": ""},
        {"trade_no": "a b"},
        {"send_pay_date": "yesterday"},
        {"send_pay_date": "2026-02-30 00:00:00"},
        {"trade_status": "PAID"},
        {"trade_status": None},
    ],
    ids=repr,
)
def test_a_signed_answer_that_cannot_be_read_is_none(at, changes):
    double, gateway = at
    double.pay()
    double.trades[str(PAYMENT_ID)].update(changes)
    with pytest.raises(GatewayUnavailable):
        gateway.query(payment_id=PAYMENT_ID)


@pytest.mark.parametrize("drips", [False, True])
def test_a_slow_alipay_is_not_waited_for(at, monkeypatch, drips):
    double, gateway = at
    double.pay()
    monkeypatch.setattr(exchange, "ANSWER_SECONDS", 0.2)
    # Each byte comes in time, all of them don't.
    double.spoil = lambda said: Said(said.body, pause=0.05 if drips else 5.0, drips=drips)
    started = datetime.now(UTC)
    with pytest.raises(GatewayUnavailable):
        gateway.refund(refund_request())
    assert (datetime.now(UTC) - started).total_seconds() < 1.5
    # It was done all the same: the same number pays once.
    double.spoil = lambda said: said
    assert gateway.refund(refund_request()).state == RefundAnswerState.SUCCEEDED
    assert len(double.refunds) == 1


def test_nobody_at_the_address():
    with pytest.raises(GatewayUnavailable):
        AlipayGateway(make_account()).query(payment_id=PAYMENT_ID)


# The day's bill


def test_fetching_the_days_bill(at):
    double, gateway = at
    double.bills["file"] = make_zip()
    lines = list(gateway.fetch_statement(day=date(2026, 11, 11)))
    assert [(line.payment_id, line.amount_fen, line.refund_no) for line in lines] == [
        (PAYMENT_ID, 990, ""),
        (PAYMENT_ID, 300, f"R{PAYMENT_ID}"),
    ]


def test_a_day_without_a_bill(at):
    gateway = at[1]
    assert list(gateway.fetch_statement(day=date(2026, 1, 1))) == []
    with pytest.raises(GatewayUnavailable):
        list(gateway.fetch_statement(day=day_of(datetime.now(UTC))))


@pytest.mark.parametrize("said", [Said(b"x" * 2_000), Said(b"", status=404), Said(make_zip()[:-40])], ids=repr)
def test_a_bill_that_cannot_be_fetched(at, said, monkeypatch):
    monkeypatch.setattr(exchange, "LARGEST_DOWNLOAD", 1_900)
    at[0].bills["file"] = b""
    at[0].bill_said = said
    with pytest.raises(GatewayUnavailable):
        list(at[1].fetch_statement(day=date(2026, 11, 11)))


# Keys


@pytest.mark.parametrize(
    "changes",
    [
        {"private_key": "nonsense"},
        {"private_key": public_pem("shop")},
        {"public_key": "nonsense"},
        {"public_key": ""},
        {"public_key": public_pem("shop")},
        {"public_key": private_pem("alipay")},
    ],
    ids=["no private key", "a public one", "no public key", "none", "our own", "a private one"],
)
def test_keys_that_cannot_be_meant_are_refused_at_once(changes):
    with pytest.raises(ImproperlyConfigured) as caught:
        AlipayGateway(make_account(**changes))
    assert "BEGIN" not in str(caught.value)


def test_an_account_does_not_show_its_keys():
    assert "BEGIN" not in repr(make_account())
