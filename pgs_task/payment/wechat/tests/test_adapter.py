"""Round trips over HTTP with a double of WeChat Pay that checks our signatures and signs its answers."""

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from pgs_task.payment.gateways import exchange
from pgs_task.payment.gateways.contract import (
    GatewayUnavailable,
    RefundAnswerState,
    RefundRequest,
    StatementUnreadable,
    TradeRequest,
    TradeState,
)
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.gateways.tests.serving import Said, check_signature
from pgs_task.payment.wechat.adapter import WeChatGateway
from pgs_task.payment.wechat.tests.making import (
    APPID,
    PAYMENT_ID,
    REFUND_ID,
    TRADE_NO,
    WeChatDouble,
    make_account,
    signed,
    wechat_at_work,
)
from pgs_task.payment.wechat.tests.test_statement import make_bill

At = tuple[WeChatDouble, WeChatGateway]


@pytest.fixture(scope="module")
def running() -> Iterator[At]:
    with wechat_at_work() as at:
        yield at


@pytest.fixture
def at(running: At) -> At:
    double, gateway = running
    double.__dict__.update(WeChatDouble(address=double.address).__dict__)
    return double, gateway


def trade_request(**changes: Any) -> TradeRequest:
    values: dict[str, Any] = {
        "payment_id": PAYMENT_ID,
        "order_id": 42,
        "amount_fen": 990,
        "currency": "CNY",
        "expires_at": datetime(2026, 11, 11, 16, 0, 0, 999_999, tzinfo=UTC),
        "shop_url": "https://shop.example.com",
        "client_address": "203.0.113.7",
    }
    return TradeRequest(**values | changes)


def refund_request(**changes: Any) -> RefundRequest:
    values = {"payment_id": PAYMENT_ID, "trade_no": TRADE_NO, "refund_no": f"R{PAYMENT_ID}", "reason": "by_member"}
    return RefundRequest(**values | {"amount_fen": 990, "paid_fen": 990} | changes)


def do(gateway: WeChatGateway, act: str) -> Any:
    match act:
        case "create":
            return gateway.create(trade_request())
        case "refund":
            return gateway.refund(refund_request())
        case "query_refund":
            return gateway.query_refund(payment_id=PAYMENT_ID, refund_no=f"R{PAYMENT_ID}")
        case "fetch_statement":
            return list(gateway.fetch_statement(day=date(2026, 11, 11)))
        case _:
            return getattr(gateway, act)(payment_id=PAYMENT_ID)


def test_creating_opens_a_page_for_the_browser(at):
    double, gateway = at
    assert gateway.create(trade_request()) == {"method": "GET", "url": "https://wx.tenpay.com/pay?prepay_id=1"}
    assert double.opened == [
        {
            "path": "/v3/pay/transactions/h5",
            "notify_url": "https://shop.example.com/api/v1/payments/notices/wechat/",
            "description": "PGS 42",
            "out_trade_no": str(PAYMENT_ID),
            "amount": {"total": 990, "currency": "CNY"},
            "scene_info": {"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}},
            "time_expire": "2026-11-12T00:00:00+08:00",
            "appid": APPID,
            "mchid": "1900000001",
        }
    ]


def test_the_page_leads_back(at):
    account = make_account(endpoint=at[0].address, return_url="https://shop.example.com/paid?a=1")
    url = WeChatGateway(account).create(trade_request())["url"]
    assert url == "https://wx.tenpay.com/pay?prepay_id=1&redirect_url=https%3A%2F%2Fshop.example.com%2Fpaid%3Fa%3D1"


def test_inside_wechat_the_page_gets_signed_parameters(at):
    double, gateway = at
    pay = gateway.create(trade_request(payer_openid="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"))
    assert set(pay) == {"method", "appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert (pay["method"], pay["appId"], pay["package"], pay["signType"]) == ("JSAPI", APPID, "prepay_id=wx2611", "RSA")
    message = "".join(f"{pay[name]}\n" for name in ("appId", "timeStamp", "nonceStr", "package"))
    check_signature("shop", base64.b64decode(pay["paySign"]), message.encode())
    assert double.opened[0]["path"] == "/v3/pay/transactions/jsapi"
    assert double.opened[0]["payer"] == {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}
    assert "scene_info" not in double.opened[0]


@pytest.mark.parametrize(
    ("trade_state", "state"),
    [
        ("NOTPAY", TradeState.WAITING),
        ("USERPAYING", TradeState.WAITING),
        ("SUCCESS", TradeState.PAID),
        ("REFUND", TradeState.RETURNED),
        ("CLOSED", TradeState.CLOSED),
    ],
)
def test_querying_a_trade(at, trade_state, state):
    double, gateway = at
    double.pay(trade_state=trade_state)
    answer = gateway.query(payment_id=PAYMENT_ID)
    assert answer.state == state
    if state in {TradeState.PAID, TradeState.RETURNED}:
        assert (answer.trade_no, answer.amount_fen, answer.currency) == (TRADE_NO, 990, "CNY")
        assert abs((datetime.now(UTC) - answer.paid_at).total_seconds()) < 5


def test_a_trade_that_wechat_never_saw_is_unknown(at):
    assert at[1].query(payment_id=PAYMENT_ID).state == TradeState.UNKNOWN
    assert at[1].close(payment_id=PAYMENT_ID).state == TradeState.UNKNOWN


def test_closing_once_and_again(at):
    gateway = at[1]
    gateway.create(trade_request())
    assert gateway.close(payment_id=PAYMENT_ID).state == TradeState.CLOSED
    assert gateway.close(payment_id=PAYMENT_ID).state == TradeState.CLOSED


def test_a_payment_wins_against_closing(at):
    double, gateway = at
    double.pay()
    answer = gateway.close(payment_id=PAYMENT_ID)
    assert (answer.state, answer.amount_fen) == (TradeState.PAID, 990)


def test_what_could_not_be_closed_is_not_called_closed(at):
    double, gateway = at
    double.pay(trade_state="NOTPAY")
    double.failures.append((400, "INVALID_REQUEST"))
    with pytest.raises(GatewayUnavailable):
        gateway.close(payment_id=PAYMENT_ID)


def test_refunding_once_however_often(at):
    double, gateway = at
    double.pay()
    assert do(gateway, "query_refund").state == RefundAnswerState.UNKNOWN
    for answer in (do(gateway, "refund"), do(gateway, "refund"), do(gateway, "query_refund")):
        assert (answer.state, answer.gateway_refund_no) == (RefundAnswerState.SUCCEEDED, REFUND_ID)
        assert abs((datetime.now(UTC) - answer.refunded_at).total_seconds()) < 5
    (refund,) = double.refunds.values()
    assert refund["amount"] == {"refund": 990, "total": 990, "currency": "CNY"}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PROCESSING", RefundAnswerState.PROCESSING),
        ("CLOSED", RefundAnswerState.REFUSED),
        ("ABNORMAL", RefundAnswerState.REFUSED),
    ],
)
def test_refunds_that_are_not_done(at, status, state):
    double, gateway = at
    double.pay()
    double.refund_status = status
    assert do(gateway, "refund").state == do(gateway, "query_refund").state == state


@pytest.mark.parametrize("failure", [(403, "NOT_ENOUGH"), (404, "RESOURCE_NOT_EXISTS"), (400, "INVALID_REQUEST")])
def test_a_refund_that_wechat_refuses(at, failure):
    at[0].failures.append(failure)
    answer = do(at[1], "refund")
    assert (answer.state, answer.message) == (RefundAnswerState.REFUSED, failure[1])


@pytest.mark.parametrize(
    "failure",
    [
        (500, "SYSTEM_ERROR"),
        (400, "SYSTEM_ERROR"),
        (429, "FREQUENCY_LIMITED"),
        (401, "SIGN_ERROR"),
        (302, "NOT_ENOUGH"),
    ],
)
@pytest.mark.parametrize("act", ["create", "query", "refund", "query_refund", "fetch_statement"])
def test_an_unknown_outcome_is_no_answer(at, failure, act):
    at[0].pay()
    at[0].failures.append(failure)
    with pytest.raises(GatewayUnavailable):
        do(at[1], act)


def strip_signature(said: Said) -> Said:
    return Said(said.body, status=said.status, headers={"Content-Type": "application/json"})


def change_header(name: str, value: str) -> Any:
    return lambda said: Said(said.body, status=said.status, headers={**said.headers, name: value})


SPOILERS = {
    "unsigned": strip_signature,
    "one byte changed": lambda said: Said(said.body[:-1] + b" ", status=said.status, headers=said.headers),
    "another serial": change_header("Wechatpay-Serial", "PUB_KEY_ID_2"),
    "another key": lambda said: Said(said.body, headers=signed(said.body, owner="stranger")),
    "a signature of yesterday": lambda said: Said(said.body, headers=signed(said.body, off=-86_400)),
    "a wrong signature on purpose": change_header("Wechatpay-Signature", "WECHATPAY/SIGNTEST/" + "A" * 300),
    "garbage": lambda said: Said(b"<html>502 Bad Gateway</html>"),
    "signed garbage": lambda said: Said(b"<html>", headers=signed(b"<html>")),
    "a signed array": lambda said: Said(b"[]", headers=signed(b"[]")),
    "doubled names": lambda said: Said(b'{"a":1,"a":2}', headers=signed(b'{"a":1,"a":2}')),
    "nothing": lambda said: Said(b"", headers=signed(b"")),
    "not utf-8": lambda said: Said(b"\xff", headers=signed(b"\xff")),
    "elsewhere": lambda said: Said(status=302, headers={"Location": "http://127.0.0.1:9/"}),
    "too long": lambda said: Said(said.body + b" " * exchange.LARGEST_ANSWER, headers=said.headers),
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS.keys())
@pytest.mark.parametrize("act", ["create", "query", "refund"])
def test_an_answer_that_is_not_wechats_decides_nothing(at, spoil, act):
    double, gateway = at
    double.pay()
    double.spoil = spoil
    with pytest.raises(GatewayUnavailable):
        do(gateway, act)
    double.spoil = lambda said: said
    assert do(gateway, act)


@pytest.mark.parametrize("act", ["query", "close", "refund", "query_refund"])
def test_an_unsigned_error_decides_nothing(at, act):
    # The SDK verifies successes only: believed, a stranger's 404 would cancel an order, or refund again.
    double, gateway = at
    double.failures += [(404, "ORDER_NOT_EXIST")] * 2
    double.spoil = strip_signature
    with pytest.raises(GatewayUnavailable, match="404 ORDER_NOT_EXIST"):
        do(gateway, act)


@pytest.mark.parametrize(
    "changes",
    [
        {"out_trade_no": "5"},
        {"mchid": "1900000002"},
        {"appid": "wx2"},
        {"amount": None},
        {"amount": {"total": 9.9, "currency": "CNY"}},
        {"amount": {"total": "990", "currency": "CNY"}},
        {"amount": {"total": True, "currency": "CNY"}},
        {"amount": {"total": -990, "currency": "CNY"}},
        {"amount": {"total": 990}},
        {"transaction_id": ""},
        {"success_time": None},
        {"success_time": "2026-11-11 00:00:00"},
        {"trade_state": "PAID"},
    ],
    ids=repr,
)
def test_a_signed_answer_that_does_not_fit_is_none(at, changes):
    double, gateway = at
    double.pay(**changes)
    with pytest.raises(GatewayUnavailable):
        gateway.query(payment_id=PAYMENT_ID)


@pytest.mark.parametrize(
    "changes", [{"out_refund_no": "R5"}, {"out_trade_no": "5"}, {"status": "DONE"}, {"refund_id": 7}], ids=repr
)
def test_a_signed_answer_about_another_refund_is_none(at, changes):
    double, gateway = at
    double.pay()
    do(gateway, "refund")
    double.refunds[f"R{PAYMENT_ID}"].update(changes)
    with pytest.raises(GatewayUnavailable):
        do(gateway, "query_refund")


@pytest.mark.parametrize("drips", [False, True])
def test_a_slow_wechat_is_not_waited_for(at, monkeypatch, drips):
    double, gateway = at
    double.pay()
    monkeypatch.setattr(exchange, "ANSWER_SECONDS", 0.2)
    double.spoil = lambda said: Said(said.body, headers=said.headers, pause=0.05 if drips else 5.0, drips=drips)
    started = datetime.now(UTC)
    with pytest.raises(GatewayUnavailable):
        do(gateway, "refund")
    assert (datetime.now(UTC) - started).total_seconds() < 1.5
    # It was done all the same: the same number pays once.
    double.spoil = lambda said: said
    assert do(gateway, "refund").state == RefundAnswerState.SUCCEEDED
    assert len(double.refunds) == 1


def test_nobody_at_the_address():
    with pytest.raises(GatewayUnavailable):
        do(WeChatGateway(make_account()), "query")


# The day's bill


def test_fetching_the_days_bill(at):
    double, gateway = at
    double.bill = make_bill()
    lines = do(gateway, "fetch_statement")
    assert [(line.payment_id, line.amount_fen, line.refund_no) for line in lines] == [
        (PAYMENT_ID, 990, ""),
        (PAYMENT_ID, 300, f"R{PAYMENT_ID}"),
    ]


def test_a_day_without_a_bill(at):
    assert list(at[1].fetch_statement(day=date(2026, 1, 1))) == []
    with pytest.raises(GatewayUnavailable):
        list(at[1].fetch_statement(day=day_of(datetime.now(UTC))))


def test_another_file_than_was_announced_is_not_read(at):
    double, gateway = at
    double.bill, double.bill_sha1 = make_bill(), "0" * 40
    with pytest.raises(StatementUnreadable, match="announced"):
        do(gateway, "fetch_statement")


def test_a_signed_request_goes_to_nobody_else(at, monkeypatch):
    double, gateway = at
    double.bill = make_bill()
    double.address, address = "http://127.0.0.1:9", double.address
    with pytest.raises(GatewayUnavailable, match="none that is known"):
        do(gateway, "fetch_statement")
    double.address = address


def test_a_bill_longer_than_it_may_be_is_not_fetched(at, monkeypatch):
    at[0].bill = make_bill()
    monkeypatch.setattr(exchange, "LARGEST_DOWNLOAD", 100)
    with pytest.raises(GatewayUnavailable, match="more than 100"):
        do(at[1], "fetch_statement")
