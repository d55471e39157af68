"""WeChat's notices over HTTP, down to the order that is paid and the refund that is asked about."""

import json
from typing import Any

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from pgs_task.payment.gateways.contract import NoticeHint
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.services import process_due_refunds, request_refund, start_payment
from pgs_task.payment.services.hints import take_hint
from pgs_task.payment.states import NoticeOutcome, PaymentState, RefundState
from pgs_task.payment.tests.making import (
    SHOP_URL,
    assert_untouched,
    fresh,
    make_due,
    notices_of,
    now_of,
    order_of,
    refunds_of,
)
from pgs_task.payment.wechat.tests.making import (
    OfferedWeChat,
    describe_refund,
    describe_transaction,
    make_notice,
    signed,
    wechat_at_work,
)
from pgs_task.payment.wechat.tests.test_statement import make_bill, make_refund, make_row
from pgs_task.statements.services.comparing import compare_statement
from pgs_web.member.tokens import issue_access_token
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import start_refund
from pgs_web.trade.order.states import OrderState, RefundReason
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__")

NOTICES = "/api/v1/payments/notices/wechat/"


@pytest.fixture
def double(settings, monkeypatch):
    """WeChat is on, and its double answers."""
    settings.PAYMENT_GATEWAYS = ["sandbox", "wechat"]
    settings.PAYMENT_GATEWAY_ADAPTERS = {
        **settings.PAYMENT_GATEWAY_ADAPTERS,
        "wechat": "pgs_task.payment.wechat.tests.making.OfferedWeChat",
    }
    with wechat_at_work() as (double, gateway):
        monkeypatch.setattr("pgs_task.payment.gateways.registry._load", lambda _path: gateway)
        yield double


def start(order: Order, **body: Any) -> Any:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_access_token(member_id=order.member_id)}")
    return client.post("/api/v1/payments/", {"order_id": str(order.pk), "gateway": "wechat"} | body)


def make_payment() -> Payment:
    order = make_order()
    started = start_payment(member_id=order.member_id, order_id=order.pk, gateway_code="wechat", shop_url=SHOP_URL)
    return started.payment


def tell(payment: Payment, *, envelope: dict[str, Any] | None = None, **changes: Any) -> Any:
    facts = {"out_trade_no": str(payment.pk), "amount": {"total": payment.amount_fen, "currency": "CNY"}}
    return send(make_notice(describe_transaction(**facts | changes), **envelope or {}))


def tell_refund(payment: Payment, **envelope: Any) -> Any:
    content = describe_refund(out_trade_no=str(payment.pk), out_refund_no=f"R{payment.pk}")
    return send(make_notice(content, **{"event_type": "REFUND.SUCCESS", "id": "EV-refund"} | envelope))


def send(body: bytes, headers: dict[str, str] | None = None) -> Any:
    headers = signed(body) if headers is None else headers
    return APIClient().generic("POST", NOTICES, body, content_type="application/json", headers=headers)


def assert_refused(response: Any, status: int) -> None:
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/json"
    said = json.loads(response.content)
    assert (set(said), said["code"], bool(said["message"])) == ({"code", "message"}, "FAIL", True)


def test_starting_tells_the_client_how_to_pay(double):
    order = make_order()
    assert start(order).json()["pay"] == {"method": "GET", "url": "https://wx.tenpay.com/pay?prepay_id=1"}
    assert double.opened[0]["scene_info"]["payer_client_ip"] == "127.0.0.1"
    pay = start(make_order(), openid="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").json()["pay"]
    assert set(pay) == {"method", "appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    for openid in ("", "a b", "x" * 129, "号", None):
        assert start(order, openid=openid).status_code == 400, openid


def test_a_notice_pays_once_however_often_it_comes(double):
    payment = make_payment()
    for _ in range(3):
        response = tell(payment)
        assert (response.status_code, response.content) == (204, b"")
    assert (fresh(payment).state, order_of(payment).state) == (PaymentState.SUCCEEDED, OrderState.TO_SHIP)
    (notice,) = notices_of(payment)
    assert json.loads(notice.raw)["out_trade_no"] == str(payment.pk)


def test_refused_notices_hear_fail_and_are_security_events(double, caplog):
    payment = make_payment()
    body = make_notice()
    good = signed(body)["Wechatpay-Signature"]
    assert_refused(send(body, {}), 403)
    assert_refused(send(body + b" ", signed(body)), 403)
    assert_refused(send(body, signed(body, off=-400)), 403)
    assert_refused(send(body, {**signed(body), "Wechatpay-Signature": f"WECHATPAY/SIGNTEST/{good}"}), 403)
    assert_refused(send(b"<!DOCTYPE x>"), 400)
    assert_refused(tell(payment, mchid="1"), 400)
    assert_refused(tell(payment, out_trade_no=str(payment.pk + 1)), 404)
    assert_refused(tell(payment, amount={"total": "1e2", "currency": "CNY"}), 400)
    assert len([record for record in caplog.records if record.name == "pgs.security"]) == 8
    assert good not in caplog.text
    assert_untouched(payment)
    assert notices_of(payment) == []


@pytest.mark.parametrize("amount", [{"total": 989, "currency": "CNY"}, {"total": 991, "currency": "CNY"}])
def test_a_wrong_amount_never_pays_and_is_kept(double, amount):
    payment = make_payment()
    assert_refused(tell(payment, amount=amount), 409)
    assert_refused(tell(payment, envelope={"id": "EV-2"}, amount={"total": 990, "currency": "USD"}), 409)
    assert_untouched(payment)
    assert [notice.outcome for notice in notices_of(payment)] == [NoticeOutcome.WRONG_AMOUNT] * 2


def test_a_node_that_is_down_lets_wechat_send_again(double, monkeypatch):
    payment = make_payment()

    def fail(*_args: Any, **_facts: Any) -> None:
        raise OperationalError("the node is down")

    with monkeypatch.context() as patch:
        patch.setattr("pgs_task.payment.services.notices.apply_notice", fail)
        response = tell(payment)
    assert_refused(response, 503)
    assert response.headers["Retry-After"] == "1"
    assert tell(payment).status_code == 204


def test_a_refunds_notice_makes_it_asked_about_once(double):
    payment = make_payment()
    tell(payment)
    double.trades[str(payment.pk)] = describe_transaction(out_trade_no=str(payment.pk))
    request_refund(order_id=payment.order_id, reason="by_member")
    double.refund_status = "PROCESSING"
    make_due(payment)
    assert process_due_refunds() == {RefundState.PROCESSING: 1}
    later(payment)
    assert process_due_refunds() == {}
    # Done, and told; the periodic job needn't wait for the pause to end.
    double.refunds[f"R{payment.pk}"]["status"] = "SUCCESS"
    assert tell_refund(payment).status_code == 204
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert fresh(payment).state == PaymentState.REFUNDED


def later(payment: Payment) -> None:
    """The refund's pause is long."""
    (refund,) = refunds_of(payment)
    due = refund.next_try_at.replace(year=refund.next_try_at.year + 1)
    Refund.objects.filter(payment_id=payment.pk).update(next_try_at=due)


def test_the_books_fit_the_bill_to_the_fen(double):
    payment = make_payment()
    tell(payment)
    double.trades[str(payment.pk)] = describe_transaction(out_trade_no=str(payment.pk))
    start_refund(order_id=payment.order_id, reason=RefundReason.BY_OPERATOR, actor="test")
    request_refund(order_id=payment.order_id, reason="by_operator")
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    facts = {"order_no": str(payment.pk), "fee": "0.00000"}
    rows = [make_row(**facts), make_refund(**facts, refund_no=f"R{payment.pk}", refund_amount="9.90")]
    day = day_of(now_of(payment))
    double.bill = make_bill(rows)
    assert compare_statement(gateway_code="wechat", day=day).fits
    double.bill = make_bill([make_row(**facts, amount="9.91"), rows[1]])
    (difference,) = compare_statement(gateway_code="wechat", day=day).differences
    assert (difference.our_fen, difference.their_fen) == (990, 991)
    double.bill = make_bill(rows[:1])
    assert len(compare_statement(gateway_code="wechat", day=day).differences) == 1


def test_a_repeated_hint_does_nothing(double):
    payment = make_payment()
    tell(payment)
    request_refund(order_id=payment.order_id, reason="by_member")
    Refund.objects.filter(payment_id=payment.pk).update(state=RefundState.PROCESSING, attempts=1)
    double.trades[str(payment.pk)] = describe_transaction(out_trade_no=str(payment.pk))
    # Still under way, whatever the notice says: each repetition would drive it one step up its ladder.
    double.refund_status = "PROCESSING"
    for repetition in range(2):
        later(payment)
        assert tell_refund(payment).status_code == 204
        assert process_due_refunds() == ({RefundState.PROCESSING: 1} if repetition == 0 else {})


@pytest.mark.parametrize("state", [RefundState.WAITING, RefundState.MANUAL, RefundState.FAILED, RefundState.SUCCEEDED])
def test_a_hint_touches_no_refund_that_is_not_under_way(double, state):
    payment = make_payment()
    tell(payment)
    request_refund(order_id=payment.order_id, reason="by_member")
    Refund.objects.filter(payment_id=payment.pk).update(state=state, attempts=2)
    later(payment)
    (before,) = refunds_of(payment)
    take_hint(gateway_code="wechat", hint=NoticeHint(notice_id="h", payment_id=payment.pk, refund_no=f"R{payment.pk}"))
    assert refunds_of(payment)[0].next_try_at == before.next_try_at


def test_the_adapter_of_the_settings_is_made_without_asking_anybody():
    assert OfferedWeChat().code == "wechat"
