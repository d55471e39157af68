"""Payments over HTTP: what shoppers and gateways send and hear."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient, APIRequestFactory

from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.services import request_refund
from pgs_task.payment.states import PaymentState, RefundState
from pgs_task.payment.tests.making import describe_notice, fresh, make_payment, order_of, pay, signed
from pgs_task.payment.views import NoticesView
from pgs_web.member.tokens import issue_access_token
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_order, start_refund
from pgs_web.trade.order.states import CancelReason, OrderState, RefundReason
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__")

NOTICES = "/api/v1/payments/notices/sandbox/"


def client_of(member_id: int) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_access_token(member_id=member_id)}")
    return client


def start(order: Order, **changes: Any) -> Any:
    body = {"order_id": str(order.pk), "gateway": "sandbox"} | changes
    return client_of(order.member_id).post("/api/v1/payments/", body)


def notify(payment: Payment, body: bytes | None = None, headers: dict[str, str] | None = None, **changes: Any) -> Any:
    body = json.dumps(describe_notice(payment, **changes)).encode() if body is None else body
    headers = signed(body) if headers is None else headers
    return APIClient().generic("POST", NOTICES, body, content_type="application/json", headers=headers)


def assert_problem(response: Any, status: int, code: str) -> None:
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    assert (response.status_code, json.loads(response.content)["code"]) == (status, code)


def test_starting_answers_201_then_200_with_the_same_payment():
    order = make_order(quantity=2, unit_price_fen=500)
    first, again = start(order), start(order)
    assert (first.status_code, again.status_code) == (201, 200)
    body = first.json()
    assert set(body) == {"payment_id", "gateway", "purpose", "amount_fen", "state", "expires_at", "pay", "server_time"}
    assert (body["gateway"], body["amount_fen"], body["state"]) == ("sandbox", 1_000, "WAITING")
    assert datetime.fromisoformat(body["expires_at"]) == order.pay_by
    assert abs((datetime.now(tz=UTC) - datetime.fromisoformat(body["server_time"])).total_seconds()) < 60
    assert body["pay"]["url"] == f"http://testserver/sandbox-gateway/payments/{body['payment_id']}/pay/"
    assert again.json() | {"server_time": ""} == body | {"server_time": ""}


def test_starting_asks_who_you_are_and_shows_nothing_of_others():
    order = make_order()
    assert_problem(APIClient().post("/api/v1/payments/", {}), 401, "not_authenticated")
    other = client_of(order.member_id + 1)
    strange = other.post("/api/v1/payments/", {"order_id": str(order.pk), "gateway": "sandbox"})
    absent = other.post("/api/v1/payments/", {"order_id": "1", "gateway": "sandbox"})
    assert_problem(strange, 404, "not_found")
    assert strange.json() | {"trace_id": ""} == absent.json() | {"trace_id": ""}


@pytest.mark.parametrize(
    "changes",
    [
        {"gateway": "nobody"},
        {"gateway": None},
        {"gateway": 1},
        {"gateway": ["sandbox"]},
        {"gateway": "Sandbox"},
        {"order_id": 1},
        {"order_id": "0"},
        {"order_id": "１"},
        {"order_id": "1 "},
        {"order_id": str(2**63)},
        {"order_id": "{p00}"},
        {"order_id": None},
        {"order_id": []},
    ],
    ids=repr,
)
def test_bad_input_is_400(changes):
    order = make_order()
    assert_problem(start(order, **changes), 400, "validation_error")
    assert not Payment.objects.on_node(alias_of_id(order.pk)).exists()


def test_extra_fields_are_not_obeyed():
    order = make_order()
    response = start(order, amount_fen=1, state="SUCCEEDED", member_id="1", expires_at="2099-01-01T00:00:00Z")
    payment = Payment.objects.get(pk=int(response.json()["payment_id"]))
    assert (payment.amount_fen, payment.state, payment.expires_at) == (order.amount_fen, "WAITING", order.pay_by)


def test_an_order_that_cannot_be_paid_is_409():
    order = make_order()
    cancel_order(order_id=order.pk, reason=CancelReason.BY_MEMBER, actor="test")
    assert_problem(start(order), 409, "wrong_state")
    late = make_order()
    Order.objects.filter(pk=late.pk).update(pay_by=late.accepted_at)
    assert_problem(start(late), 409, "pay_by_passed")


def test_an_order_that_is_not_written_down_is_not_ready(monkeypatch):
    order = make_order()
    unsaved = Order(id=order.pk, member_id=order.member_id, state=OrderState.ACCEPTED)
    monkeypatch.setattr("pgs_task.payment.services.starting.get_own_order", lambda **_ids: unsaved)
    response = start(order)
    assert_problem(response, 409, "not_ready")
    assert response.headers["Retry-After"] == "1"


def test_an_order_that_the_intake_rejected_is_in_the_wrong_state(monkeypatch):
    order = make_order()
    Order.objects.filter(pk=order.pk).delete()
    unsaved = Order(id=order.pk, member_id=order.member_id, state=OrderState.REJECTED)
    monkeypatch.setattr("pgs_task.payment.services.starting.get_own_order", lambda **_ids: unsaved)
    assert_problem(start(order), 409, "wrong_state")


def test_reading_a_payment():
    payment = pay(make_payment())
    path = f"/api/v1/payments/{payment.pk}/"
    body = client_of(payment.member_id).get(path).json()
    assert (body["payment_id"], body["order_id"]) == (str(payment.pk), str(payment.order_id))
    assert (body["state"], body["amount_fen"], body["refunded_fen"]) == ("SUCCEEDED", payment.amount_fen, 0)
    assert datetime.fromisoformat(body["paid_at"]) == payment.paid_at
    assert body["server_time"]
    assert_problem(client_of(payment.member_id + 1).get(path), 404, "not_found")
    assert_problem(APIClient().get(path), 401, "not_authenticated")


@pytest.mark.parametrize("text", ["0", "01", "-1", "1e3", "９", "x", str(2**63), "1%0a", "%7Bp00%7D", "1%00"])
def test_what_is_no_id_is_not_found(text):
    response = client_of(10).get(f"/api/v1/payments/{text}/")
    assert response.status_code in {400, 404}
    assert response.headers["Content-Type"] == "application/problem+json"


def test_refunds_of_an_order():
    payment = pay(make_payment())
    client = client_of(payment.member_id)
    path = f"/api/v1/refunds/?order_id={payment.order_id}"
    assert client.get(path).json() == {"next": None, "previous": None, "results": []}
    request_refund(order_id=payment.order_id, reason="by_member")
    (refund,) = client.get(path).json()["results"]
    assert (refund["refund_no"], refund["payment_id"]) == (f"R{payment.pk}", str(payment.pk))
    assert (refund["amount_fen"], refund["state"], refund["reason"]) == (payment.amount_fen, "WAITING", "by_member")
    assert_problem(client_of(payment.member_id + 1).get(path), 404, "not_found")


@pytest.mark.parametrize(
    "query", ["", "?order_id=", "?order_id=x", "?order_id=01", f"?order_id={2**63}", "?order_id=１"]
)
def test_refunds_need_an_order(query):
    assert_problem(client_of(10).get(f"/api/v1/refunds/{query}"), 400, "validation_error")


def test_a_notice_is_answered_as_the_gateway_expects():
    payment = make_payment()
    for _ in range(2):
        response = notify(payment)
        assert (response.status_code, response.content) == (200, b"success")
        assert response.headers["Content-Type"].startswith("text/plain")
    assert order_of(payment).state == OrderState.TO_SHIP


def test_refused_notices():
    payment = make_payment()
    body = json.dumps(describe_notice(payment)).encode()
    assert_problem(notify(payment, headers={}), 403, "bad_signature")
    assert_problem(notify(payment, body=body, headers=signed(body + b" ")), 403, "bad_signature")
    assert_problem(notify(payment, body=body, headers=signed(body, timestamp="1")), 403, "stale_notice")
    assert_problem(notify(payment, body=b"{}"), 400, "wrong_app")
    assert_problem(notify(payment, body=b"{"), 400, "malformed_notice")
    assert_problem(notify(payment, payment_id=str(payment.pk + 1)), 404, "unknown_payment")
    assert_problem(notify(payment, amount_fen=1), 409, "wrong_amount")
    assert fresh(payment).state == PaymentState.WAITING
    response = APIClient().generic("POST", NOTICES.replace("sandbox", "nobody"), body, headers=signed(body))
    assert_problem(response, 404, "not_found")
    assert_problem(APIClient().get(NOTICES), 405, "method_not_allowed")


def test_a_notice_needs_no_content_type_and_no_sign_in():
    payment = make_payment()
    body = json.dumps(describe_notice(payment)).encode()
    headers = signed(body) | {"Authorization": "Bearer nonsense"}
    response = APIClient().generic("POST", NOTICES, body, content_type="text/xml", headers=headers)
    assert response.content == b"success"


def test_a_notice_larger_than_64_kb_is_refused():
    payment = make_payment()
    body = json.dumps(describe_notice(payment, padding="x" * 65_536)).encode()
    assert_problem(notify(payment, body=body), 413, "body_too_large")
    # The middleware refuses by Content-Length; the view itself never reads more either.
    request = APIRequestFactory().generic("POST", NOTICES, body, headers=signed(body))
    response = NoticesView.as_view()(request, gateway="sandbox").render()
    assert_problem(response, 413, "body_too_large")
    assert fresh(payment).state == PaymentState.WAITING


@pytest.mark.parametrize("part", ["_payment_of", "apply_notice"])
def test_a_node_that_is_down_lets_the_gateway_send_again(monkeypatch, part):
    payment = make_payment()

    def fail(*_args: Any, **_facts: Any) -> None:
        raise OperationalError("the node is down")

    with monkeypatch.context() as patch:
        patch.setattr(f"pgs_task.payment.services.notices.{part}", fail)
        response = notify(payment)
    assert_problem(response, 503, "unavailable")
    assert response.headers["Retry-After"] == "1"
    assert notify(payment).content == b"success"


def test_an_order_tells_its_payment_and_how_far_its_refunds_are():
    payment = pay(make_payment())
    client = client_of(order_of(payment).member_id)
    address = f"/api/v1/orders/{payment.order_id}/"
    body = client.get(address).json()
    assert (body["payment"]["payment_id"], body["payment"]["state"], body["refunds"]) == (
        str(payment.pk),
        "SUCCEEDED",
        [],
    )
    start_refund(order_id=payment.order_id, reason=RefundReason.BY_OPERATOR, actor="test")
    refund = request_refund(order_id=payment.order_id, reason="by_operator")
    for state, stage in (
        (RefundState.WAITING, "requested"),
        (RefundState.MANUAL, "requested"),
        (RefundState.PROCESSING, "sent_to_gateway"),
        (RefundState.SUCCEEDED, "done"),
    ):
        Refund.objects.filter(payment_id=payment.pk).update(state=state)
        (told,) = client.get(address, headers={"Accept-Language": "en"}).json()["refunds"]
        assert (told["refund_no"], told["stage"], told["amount_fen"]) == (refund.refund_no, stage, payment.amount_fen)
        assert told["stage_text"]
        (listed,) = client.get("/api/v1/refunds/", {"order_id": str(payment.order_id)}).json()["results"]
        assert (listed["stage"], listed["latest_by"] > listed["server_time"]) == (stage, True)
    unpaid = make_order(member_id=10)
    body = client.get(f"/api/v1/orders/{unpaid.pk}/").json()
    assert (body["payment"], body["refunds"]) == (None, [])
