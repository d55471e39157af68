"""The statement is read over HTTP as a shop reads a bank's: every page once, and nothing strange is believed."""

from collections.abc import Callable
from datetime import date

import httpx
import pytest
from django.test import Client

from pgs_data.clock import database_now
from pgs_task.payment.gateways.contract import GatewayUnavailable, StatementUnreadable
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.sandbox_gateway import reading
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.tests.making import make_payment, pay

DAY = date(2026, 11, 11)
LINE = {"kind": "PAYMENT", "payment_id": "5", "trade_no": "t", "amount_fen": 990, "fee_fen": 6}


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[httpx.BaseTransport], None]:
    def answer(transport: httpx.BaseTransport) -> None:
        client = httpx.Client(transport=transport, follow_redirects=False)
        monkeypatch.setattr(reading, "_client", lambda: client)

    return answer


def ask_shop(request: httpx.Request) -> httpx.Response:
    answer = Client(headers={"host": "127.0.0.1"}).get(request.url.raw_path.decode())
    return httpx.Response(answer.status_code, content=answer.content)


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("size", [1, 2, 150])
def test_every_page_is_read(settings, answering, monkeypatch, size):
    for _ in range(3):
        pay(make_payment())
    day = day_of(database_now("default"))
    in_process = list(SandboxGateway().fetch_statement(day=day))
    settings.SHOP_BASE_URL = "http://127.0.0.1:8000"
    monkeypatch.setattr(reading, "PAGE_SIZE", size)
    answering(httpx.MockTransport(ask_shop))
    assert list(SandboxGateway().fetch_statement(day=day)) == in_process
    assert len(in_process) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"results": {}}',
        b'{"results": [], "next": 5}',
        b'{"results": [], "next": "http://evil.example/"}',
        b'{"results": [1], "next": null}',
        b'{"results": [], "results": []}',
        b'{"results": [{"kind": "PAYMENT"}]}',
        b'{"results": [{"kind": "PAYMENT", "payment_id": "5", "trade_no": "t", "amount_fen": "990"}]}',
        b'{"results": [{"kind": "PAYMENT", "payment_id": "5", "trade_no": "t", "amount_fen": 990, "fee_fen": 0.5}]}',
        b'{"results": [' + b"1," * 70_000 + b"1]}",
    ],
)
def test_nonsense_is_not_believed(answering, body):
    answering(httpx.MockTransport(lambda request: httpx.Response(200, content=body)))
    with pytest.raises(StatementUnreadable):
        list(reading.fetch_pages(base_url="http://127.0.0.1:1", day=DAY))


@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_another_answer_is_an_outage(answering, status):
    answering(httpx.MockTransport(lambda request: httpx.Response(status, headers={"Location": "/"})))
    with pytest.raises(GatewayUnavailable):
        list(reading.fetch_pages(base_url="http://127.0.0.1:1", day=DAY))


def test_a_bank_that_never_ends_and_sends_us_elsewhere(answering, monkeypatch):
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200, json={"results": [LINE], "next": "http://169.254.169.254/?cursor=x"})

    monkeypatch.setattr(reading, "MOST_PAGES", 3)
    answering(httpx.MockTransport(answer))
    with pytest.raises(StatementUnreadable):
        list(reading.fetch_pages(base_url="http://127.0.0.1:1", day=DAY))
    assert asked == ["127.0.0.1"] * 3
