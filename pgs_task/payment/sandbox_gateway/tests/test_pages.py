"""The sandbox gateway plays a bank: takes money once, tells the shop, shows its statement."""

import base64
import socket
import threading
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from django.test import Client, RequestFactory

from pgs_task.payment.sandbox_gateway import notices
from pgs_task.payment.sandbox_gateway.errors import NoNoticeAddress, RefundRefused
from pgs_task.payment.sandbox_gateway.faults import is_fault_due, set_fault
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxRefund, SandboxTrade, TradeState
from pgs_task.payment.sandbox_gateway.notices import notice_base_url, write_notice
from pgs_task.payment.sandbox_gateway.selectors import iterate_statement
from pgs_task.payment.sandbox_gateway.services import refund_trade, take_money
from pgs_task.payment.states import NoticeStatus, PaymentState
from pgs_task.payment.tests.making import fresh, make_payment, notices_of, order_of, topics_of
from pgs_web.trade.order.services import cancel_order
from pgs_web.trade.order.states import CancelReason, OrderState

EVERYWHERE = pytest.mark.django_db(databases="__all__")
WITH_SERVER = pytest.mark.django_db(databases="__all__", transaction=True)


def path_of(payment, act="pay"):
    return f"/sandbox-gateway/payments/{payment.pk}/{act}/"


# Over a real server


@WITH_SERVER
def test_pay_takes_the_money_once_and_tells_the_shop_each_time(live_server):
    payment = make_payment()
    for _ in range(2):
        answer = httpx.post(live_server.url + path_of(payment))
        assert (answer.status_code, answer.text) == (200, "success")
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert order_of(payment).state == OrderState.TO_SHIP
    assert len(notices_of(payment)) == 1
    assert topics_of(payment) == ["order.paid", "order.to_ship"]
    trade = SandboxTrade.objects.get(payment_id=payment.pk)
    assert (trade.state, trade.trade_no) == (TradeState.TAKEN, fresh(payment).trade_no)


@WITH_SERVER
def test_ten_pay_at_once_have_one_effect(live_server):
    payment = make_payment()
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(httpx.post(live_server.url + path_of(payment), timeout=20)))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.text for answer in answers] == ["success"] * 10
    assert topics_of(payment) == ["order.paid", "order.to_ship"]


@WITH_SERVER
def test_fail_leaves_the_payment_open_and_pay_then_pays_it(live_server):
    payment = make_payment()
    for _ in range(2):
        answer = httpx.post(live_server.url + path_of(payment, "fail"))
        assert (answer.status_code, answer.text) == (200, "success")
    assert fresh(payment).state == PaymentState.WAITING
    assert httpx.post(live_server.url + path_of(payment)).text == "success"
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert httpx.post(live_server.url + path_of(payment, "fail")).status_code == 409


@WITH_SERVER
def test_paying_a_cancelled_order_is_late_and_goes_back(live_server):
    payment = make_payment()
    cancel_order(order_id=payment.order_id, reason=CancelReason.BY_MEMBER, actor="test")
    assert httpx.post(live_server.url + path_of(payment)).text == "success"
    assert fresh(payment).state == PaymentState.LATE


@WITH_SERVER
def test_what_the_shop_refuses_is_what_the_caller_hears(live_server):
    payment = make_payment()
    SandboxTrade.objects.filter(payment_id=payment.pk).update(amount_fen=1)
    answer = httpx.post(live_server.url + path_of(payment))
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_amount")
    assert answer.headers["Content-Type"] == "application/problem+json"


@WITH_SERVER
def test_a_lost_notice_leaves_the_money_taken_and_a_second_call_tells(live_server):
    payment = make_payment()
    set_fault(kind=FaultKind.NOTICE_LOST, times=1)
    answer = httpx.post(live_server.url + path_of(payment))
    assert (answer.status_code, answer.json()["code"]) == (502, "shop_unreachable")
    assert SandboxTrade.objects.get(payment_id=payment.pk).state == TradeState.TAKEN
    assert fresh(payment).state == PaymentState.WAITING
    assert httpx.post(live_server.url + path_of(payment)).text == "success"


class BusyShop(BaseHTTPRequestHandler):
    """Answers 503 to the first two notices, then `success`."""

    heard: list[bytes]

    def do_POST(self):  # noqa: N802: the base class names it
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(body)
        self.send_response(200 if len(self.heard) > 2 else 503)
        self.end_headers()
        self.wfile.write(b"success")

    def log_message(self, *_args):
        """Nothing on stderr."""


@pytest.mark.slow
@EVERYWHERE
def test_a_busy_shop_is_told_three_times(settings, monkeypatch):
    monkeypatch.setattr(BusyShop, "heard", [], raising=False)
    monkeypatch.setattr(notices, "PAUSES_SECONDS", (0.0, 0.01, 0.01))
    server = HTTPServer(("127.0.0.1", 0), BusyShop)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        settings.SANDBOX_NOTICE_BASE_URL = f"http://127.0.0.1:{server.server_port}/"
        answer = Client().post(path_of(make_payment()))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (answer.status_code, answer.content) == (200, b"success")
    assert len(BusyShop.heard) == 3
    assert len(set(BusyShop.heard)) == 1


@EVERYWHERE
def test_a_shop_that_is_not_there_is_said_so(settings, monkeypatch):
    monkeypatch.setattr(notices, "PAUSES_SECONDS", (0.0,))
    with socket.socket() as taken:
        # Bound and not listening: nobody answers there, and nobody else can take the port.
        taken.bind(("127.0.0.1", 0))
        settings.SANDBOX_NOTICE_BASE_URL = f"http://127.0.0.1:{taken.getsockname()[1]}"
        answer = Client().post(path_of(make_payment()))
    assert (answer.status_code, answer.json()["code"]) == (502, "shop_unreachable")


# Where notices go


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("127.0.0.1:9999", "8000", "http://127.0.0.1:8000"),
        ("localhost:9999", "8000", "http://127.0.0.1:8000"),
        ("127.8.7.6", "80", "http://127.8.7.6:80"),
    ],
)
def test_notices_go_to_this_server_and_not_where_the_caller_says(settings, host, port, expected):
    settings.ALLOWED_HOSTS = ["*"]
    request = RequestFactory().post("/", HTTP_HOST=host, SERVER_PORT=port)
    assert notice_base_url(request) == expected


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1", "169.254.169.254", "[::1]", "127.0.0.1.example.com"])
def test_notices_never_leave_the_machine_unless_told_to(settings, host):
    settings.ALLOWED_HOSTS = ["*"]
    request = RequestFactory().post("/", HTTP_HOST=host)
    with pytest.raises(NoNoticeAddress):
        notice_base_url(request)
    settings.SANDBOX_NOTICE_BASE_URL = "http://web:8000/"
    assert notice_base_url(request) == "http://web:8000"


@EVERYWHERE
def test_without_an_address_no_money_is_taken():
    payment = make_payment()
    answer = Client().post(path_of(payment))  # at "testserver"
    assert (answer.status_code, answer.json()["code"]) == (421, "no_notice_address")
    assert SandboxTrade.objects.get(payment_id=payment.pk).state == TradeState.OPEN


@EVERYWHERE
def test_the_same_notice_is_the_same_bytes():
    payment = make_payment()
    first = write_notice(trade=take_money(payment_id=payment.pk), status=NoticeStatus.SUCCESS)
    assert write_notice(trade=take_money(payment_id=payment.pk), status=NoticeStatus.SUCCESS) == first


# What it refuses


@EVERYWHERE
def test_a_gateway_that_is_off_is_not_there(settings):
    payment = make_payment()
    settings.PAYMENT_GATEWAYS = []
    client = Client()
    for answer in (
        client.post(path_of(payment)),
        client.post(path_of(payment, "fail")),
        client.get("/sandbox-gateway/statement/"),
        client.get(path_of(payment)),
    ):
        assert answer.status_code == 404
    assert SandboxTrade.objects.get(payment_id=payment.pk).state == TradeState.OPEN


@EVERYWHERE
def test_unknown_trades_and_wrong_methods(settings):
    settings.SANDBOX_NOTICE_BASE_URL = "http://127.0.0.1:1"
    assert Client().post("/sandbox-gateway/payments/1/pay/").status_code == 404
    assert Client().post("/sandbox-gateway/payments/0x1/pay/").status_code == 404
    answer = Client().get("/sandbox-gateway/payments/1/pay/")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert Client().post("/sandbox-gateway/statement/").status_code == 405


@EVERYWHERE
def test_no_more_is_refunded_than_was_taken_and_a_number_counts_once():
    payment = make_payment()
    with pytest.raises(RefundRefused):
        refund_trade(payment_id=payment.pk, refund_no="early", amount_fen=1)
    take_money(payment_id=payment.pk)
    first = refund_trade(payment_id=payment.pk, refund_no="one", amount_fen=600)
    assert refund_trade(payment_id=payment.pk, refund_no="one", amount_fen=600) == first
    for number, amount in (("one", 1), ("two", 391)):
        with pytest.raises(RefundRefused):
            refund_trade(payment_id=payment.pk, refund_no=number, amount_fen=amount)
    refund_trade(payment_id=payment.pk, refund_no="two", amount_fen=390)
    assert SandboxTrade.objects.get(payment_id=payment.pk).refunded_fen == 990


@EVERYWHERE
def test_a_fault_happens_as_often_as_told():
    set_fault(kind=FaultKind.REFUND_REFUSED, times=2)
    assert [is_fault_due(FaultKind.REFUND_REFUSED) for _ in range(4)] == [True, True, False, False]
    assert not is_fault_due(FaultKind.NOTICE_LOST)


# The statement

NOON = datetime(2026, 11, 11, 4, tzinfo=UTC)  # in Shanghai


def book(count: int) -> None:
    """`count` payments of 10 fen, some in the same instant, every other one refunded."""
    SandboxTrade.objects.bulk_create(
        SandboxTrade(
            payment_id=number,
            trade_no=f"t{number}",
            amount_fen=10,
            currency="CNY",
            state=TradeState.TAKEN,
            taken_at=NOON + timedelta(seconds=number // 3),
        )
        for number in range(1, count + 1)
    )
    SandboxRefund.objects.bulk_create(
        SandboxRefund(
            refund_no=f"R{number}",
            gateway_refund_no=f"g{number}",
            payment_id=number,
            trade_no=f"t{number}",
            amount_fen=10,
            refunded_at=NOON + timedelta(hours=1, seconds=number // 3),
        )
        for number in range(1, count + 1, 2)
    )


@EVERYWHERE
def test_the_statement_has_everything_of_its_day():
    book(7)
    statement = Client().get("/sandbox-gateway/statement/?date=2026-11-11").json()
    assert statement["date"] == "2026-11-11"
    assert (statement["taken"], statement["refunded"]) == (
        {"count": 7, "amount_fen": 70},
        {"count": 4, "amount_fen": 40},
    )
    assert statement["next"] is None
    assert [line["payment_id"] for line in statement["results"] if line["kind"] == "PAYMENT"] == list("1234567")
    refunds = [line for line in statement["results"] if line["kind"] == "REFUND"]
    assert [(line["refund_no"], line["gateway_refund_no"]) for line in refunds][:2] == [("R1", "g1"), ("R3", "g3")]
    for other in ("2026-11-10", "2026-11-12"):
        assert Client().get(f"/sandbox-gateway/statement/?date={other}").json()["results"] == []


@EVERYWHERE
@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_the_statement_in_pages_has_every_line_once(size):
    book(11)
    url, lines = f"http://testserver/sandbox-gateway/statement/?date=2026-11-11&page_size={size}", []
    while url:
        page = Client().get(url.removeprefix("http://testserver")).json()
        assert len(page["results"]) <= size
        lines += [(line["kind"], line.get("refund_no", line["payment_id"])) for line in page["results"]]
        url = page["next"]
    assert len(lines) == len(set(lines)) == 11 + 6
    whole = [(line.kind.value, line.key) for line in iterate_statement(day=date(2026, 11, 11), page_size=size)]
    assert whole == lines


@EVERYWHERE
def test_without_a_date_it_is_today():
    payment = make_payment()
    take_money(payment_id=payment.pk)
    assert Client().get("/sandbox-gateway/statement/").json()["taken"] == {"count": 1, "amount_fen": 990}


@EVERYWHERE
@pytest.mark.parametrize(
    "query",
    [
        "date=",
        "date=today",
        "date=2026-02-30",
        "date=1999-01-01",
        "date=２０２６-11-11",
        "date=20261111",
        "page_size=0",
        "page_size=10001",
        "page_size=-1",
        "page_size=x",
        "cursor=x",
        "cursor=%00",
        "cursor=" + "A" * 5_000,
        "cursor=" + base64.urlsafe_b64encode(b"PAYMENT|2026-11-11T00:00:00+00:00|x").decode(),
        "cursor=" + base64.urlsafe_b64encode(b"PAYMENT|0001-01-01T00:00:00+14:00|1").decode(),
        "cursor=" + base64.urlsafe_b64encode(b"REFUND|2026-11-11T00:00:00+00:00|\x00").decode(),
        "cursor=" + base64.urlsafe_b64encode(f"PAYMENT|2026-11-11T00:00:00+00:00|{2**63}".encode()).decode(),
    ],
)
def test_a_statement_that_cannot_be_asked_for(query):
    answer = Client().get(f"/sandbox-gateway/statement/?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
