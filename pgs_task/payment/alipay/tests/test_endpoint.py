"""Alipay's notices over HTTP, down to the order that is paid."""

from typing import Any

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from pgs_task.payment.alipay.tests.making import alipay_at_work, make_notice
from pgs_task.payment.alipay.tests.test_statement import make_details, make_row, make_zip
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.gateways.yuan import write_yuan
from pgs_task.payment.models import Payment
from pgs_task.payment.services import process_due_refunds, request_refund, start_payment
from pgs_task.payment.states import NoticeOutcome, PaymentState, RefundState
from pgs_task.payment.tests.making import SHOP_URL, assert_untouched, fresh, notices_of, now_of, order_of
from pgs_task.statements.services.comparing import compare_statement
from pgs_web.trade.order.services import start_refund
from pgs_web.trade.order.states import OrderState, RefundReason
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__")

NOTICES = "/api/v1/payments/notices/alipay/"


@pytest.fixture(autouse=True)
def offered(settings):
    settings.PAYMENT_GATEWAYS = ["sandbox", "alipay"]
    settings.PAYMENT_GATEWAY_ADAPTERS = {
        **settings.PAYMENT_GATEWAY_ADAPTERS,
        "alipay": "pgs_task.payment.alipay.tests.making.OfferedAlipay",
    }


def make_payment() -> Payment:
    order = make_order()
    return start_payment(member_id=order.member_id, order_id=order.pk, gateway_code="alipay", shop_url=SHOP_URL).payment


def tell(payment: Payment, **changes: Any) -> Any:
    values = {"out_trade_no": str(payment.pk), "total_amount": write_yuan(payment.amount_fen)} | changes
    return send(make_notice(**values))


def send(body: bytes) -> Any:
    return APIClient().generic("POST", NOTICES, body, content_type="application/x-www-form-urlencoded; charset=utf-8")


def assert_answer(response: Any, status: int, text: bytes) -> None:
    assert (response.status_code, response.content) == (status, text)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_notice_pays_once_however_often_it_comes():
    payment = make_payment()
    for _ in range(3):
        assert_answer(tell(payment), 200, b"success")
    assert (fresh(payment).state, order_of(payment).state) == (PaymentState.SUCCEEDED, OrderState.TO_SHIP)
    # Finished later: another notice, which changes nothing.
    assert_answer(tell(payment, notify_id="later", trade_status="TRADE_FINISHED"), 200, b"success")
    assert [notice.outcome for notice in notices_of(payment)] == [NoticeOutcome.PAID, NoticeOutcome.DUPLICATE]


def test_a_waiting_trade_changes_nothing():
    payment = make_payment()
    for _ in range(2):
        assert_answer(tell(payment, trade_status="WAIT_BUYER_PAY"), 200, b"success")
    assert_untouched(payment)


def test_refused_notices_hear_fail_and_are_security_events(caplog):
    payment = make_payment()
    body = make_notice(out_trade_no=str(payment.pk))
    assert_answer(send(b"a=1"), 403, b"fail")
    assert_answer(send(body.replace(b"TRADE_SUCCESS", b"TRADE_CLOSED")), 403, b"fail")
    assert_answer(send(b"<!DOCTYPE x>" * 1_000), 400, b"fail")
    assert_answer(tell(payment, app_id="other"), 400, b"fail")
    assert_answer(tell(payment, out_trade_no=str(payment.pk + 1)), 404, b"fail")
    assert_answer(tell(payment, notify_time="2026-01-01 00:00:00"), 403, b"fail")
    assert_answer(tell(payment, total_amount="1e2"), 400, b"fail")
    codes = [str(record.getMessage()) for record in caplog.records if record.name == "pgs.security"]
    assert len(codes) == 7
    assert_untouched(payment)
    assert notices_of(payment) == []


@pytest.mark.parametrize("change_fen", [-1, 1])
def test_a_wrong_amount_never_pays_and_is_kept(change_fen):
    payment = make_payment()
    assert_answer(tell(payment, total_amount=write_yuan(payment.amount_fen + change_fen)), 409, b"fail")
    assert_answer(tell(payment, notify_id="other", trans_currency="USD"), 409, b"fail")
    assert_untouched(payment)
    assert [notice.outcome for notice in notices_of(payment)] == [NoticeOutcome.WRONG_AMOUNT] * 2


def test_a_notice_of_five_megabytes_is_not_read(caplog):
    response = send(make_notice(subject="x" * 5_000_000))
    assert response.status_code == 413
    assert [record.name for record in caplog.records if "body_too_large" in record.getMessage()] == ["pgs.security"]


def test_a_node_that_is_down_lets_alipay_send_again(monkeypatch):
    payment = make_payment()

    def fail(*_args: Any, **_facts: Any) -> None:
        raise OperationalError("the node is down")

    with monkeypatch.context() as patch:
        patch.setattr("pgs_task.payment.services.notices.apply_notice", fail)
        response = tell(payment)
    assert_answer(response, 503, b"fail")
    assert response.headers["Retry-After"] == "1"
    assert_answer(tell(payment), 200, b"success")


def test_paid_refunded_and_compared_to_the_fen(monkeypatch):
    payment = make_payment()
    with alipay_at_work() as (double, gateway):
        monkeypatch.setattr("pgs_task.payment.gateways.registry._load", lambda _path: gateway)
        assert_answer(tell(payment), 200, b"success")
        double.pay(payment_id=payment.pk)
        start_refund(order_id=payment.order_id, reason=RefundReason.BY_OPERATOR, actor="test")
        request_refund(order_id=payment.order_id, reason="by_operator")
        assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
        facts = {"order_no": str(payment.pk), "fee": "0.00"}
        rows = [make_row(**facts), make_row(**facts, kind="退款", amount="-9.90", refund_no=f"R{payment.pk}")]
        day = day_of(now_of(payment))
        double.bills["file"] = make_zip(make_details(rows))
        assert compare_statement(gateway_code="alipay", day=day).fits
        double.bills["file"] = make_zip(make_details(rows[:1]))
        assert len(compare_statement(gateway_code="alipay", day=day).differences) == 1
    assert fresh(payment).state == PaymentState.REFUNDED


def test_other_gateways_answer_as_before():
    response = APIClient().generic("POST", NOTICES.replace("alipay", "sandbox"), b"{}")
    assert response.headers["Content-Type"] == "application/problem+json"
