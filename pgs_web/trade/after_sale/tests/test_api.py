"""/after-sale-requests/: what shoppers may ask for, and what of that they see."""

import pytest
from rest_framework.test import APIClient

from pgs_web.member.tokens import issue_access_token
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.services import approve_request, asking, refuse_request, take_back_request
from pgs_web.trade.after_sale.states import RequestKind
from pgs_web.trade.after_sale.tests.making import log_of, make_received, make_request, make_shipped
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__")
ROOT = "/api/v1/after-sale-requests/"


def client(member_id: int = 10) -> APIClient:
    api = APIClient(raise_request_exception=False, headers={"Accept-Language": "en"})
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_access_token(member_id=member_id)}")
    return api


def ask(order, *, member_id: int = 10, **changes):
    body = {"order_id": str(order.pk), "kind": "refund_only", "cause": "damaged", "amount_fen": 300, "text": "碎了 <b>"}
    return client(member_id).post(ROOT, {**body, **changes}, format="json")


def test_a_request_is_taken_once_and_told_with_its_stage():
    order = make_shipped()
    answer = ask(order)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["state"], body["amount_fen"], body["text"]) == ("REQUESTED", 300, "碎了 <b>")
    assert body["stage"] == "We have your request and decide about it."
    assert body["requested_at"] <= body["server_time"] < body["latest_by"]
    again = ask(order)
    assert (again.status_code, again.json()["request_id"]) == (200, body["request_id"])
    other = ask(order, amount_fen=200)
    assert (other.status_code, other.json()["code"]) == (409, "request_open")
    page = client().get(ROOT, {"order_id": str(order.pk)}).json()
    assert [one["request_id"] for one in page["results"]] == [body["request_id"]]
    assert client().get(f"{ROOT}{body['request_id']}/").json()["state"] == "REQUESTED"
    assert client(251).get(f"{ROOT}{body['request_id']}/").status_code == 404
    assert client(650).get(f"{ROOT}{body['request_id']}/").status_code == 404
    assert client(251).get(ROOT).json()["results"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_fen": 0},
        {"amount_fen": -1},
        {"amount_fen": "300"},
        {"amount_fen": 3e2},
        {"amount_fen": 2**63},
        {"kind": "gift"},
        {"cause": None},
        {"quantity": 0},
        {"quantity": "1"},
        {"quantity": True},
        {"text": "x" * 201},
        {"text": "a\nb"},
        {"text": "\u202egnorw"},
        {"text": ["x"]},
        {"order_id": 1},
        {"order_id": "0"},
    ],
)
def test_broken_input_is_refused_and_changes_nothing(changes):
    order = make_shipped()
    assert ask(order, **changes).status_code == 400
    assert not AfterSaleRequest.objects.filter(pk__gte=0).on_node(order._state.db).exists()


def test_what_cannot_be_asked_for():
    def refused(answer):
        return answer.status_code, answer.json()["code"]

    assert refused(ask(make_order())) == (409, "wrong_state")
    assert refused(ask(make_shipped(), amount_fen=991)) == (409, "amount_too_large")
    assert refused(ask(make_received(days_ago=8))) == (409, "after_sale_over")
    assert refused(ask(make_shipped(), member_id=251)) == (404, "not_found")
    assert ask(make_received(days_ago=6)).status_code == 201


def test_parts_together_are_never_more_than_was_paid():
    order = make_shipped()
    approve_request(request_id=make_request(order, amount_fen=600).pk, actor="operator:1")
    AfterSaleRequest.objects.filter(order_id=order.pk, pk__gte=0).on_node(order._state.db).update(
        state="DONE", open_order_id=None
    )
    assert ask(order, amount_fen=391).json()["code"] == "amount_too_large"
    refuse_request(request_id=make_request(order, amount_fen=390).pk, actor="operator:1", answer="no")
    # What was refused is left.
    assert ask(order, amount_fen=390).status_code == 201


def test_a_request_of_some_units_is_worth_their_share():
    order = make_shipped(quantity=3)
    code_of = lambda **changes: ask(order, kind="return_and_refund", **changes).json().get("code")  # noqa: E731
    assert code_of(quantity=4) == "too_many_units"
    assert code_of(quantity=2**62) == "too_many_units"
    assert code_of(quantity=2, amount_fen=1981) == "amount_too_large"
    body = ask(order, kind="return_and_refund", quantity=2, amount_fen=1980).json()
    assert (body["quantity"], body["amount_fen"], body["asked_fen"]) == (2, 1980, 1980)
    # Another quantity is another request; the same one again is the same.
    assert code_of(quantity=1, amount_fen=1980) == "request_open"
    assert ask(order, kind="return_and_refund", quantity=2, amount_fen=1980).status_code == 200
    approve_request(request_id=int(body["request_id"]), actor="operator:1")
    AfterSaleRequest.objects.filter(pk=int(body["request_id"])).update(state="DONE", open_order_id=None)
    # Two of the three have gone back; money for what stays is another matter.
    assert code_of(quantity=2, amount_fen=100) == "too_many_units"
    assert ask(order, quantity=3, amount_fen=100).status_code == 201


def test_less_than_was_asked_for_is_told_with_its_reason():
    request = make_request(amount_fen=300)
    approve_request(request_id=request.pk, actor="operator:1", amount_fen=120, answer="The box was open.")
    body = client().get(f"{ROOT}{request.pk}/").json()
    assert (body["state"], body["amount_fen"], body["asked_fen"]) == ("REFUNDING", 120, 300)
    assert body["stage"] == "Approved in part: that part of your money is on its way back."
    assert body["answer"] == "The box was open."
    # What was not approved can be asked for again later; the same request again is answered with this one.
    order = Order.objects.get(pk=request.order_id)
    assert ask(order, text="").json()["request_id"] == str(request.pk)
    AfterSaleRequest.objects.filter(pk=request.pk).update(state="DONE", open_order_id=None)
    assert ask(order, amount_fen=871).json()["code"] == "amount_too_large"
    assert ask(order, amount_fen=870).status_code == 201


def test_an_order_has_so_many_requests_and_no_more(monkeypatch):
    monkeypatch.setattr(asking, "MOST_REQUESTS", 2)
    order = make_shipped()
    for _ in range(2):
        take_back_request(member_id=10, request_id=make_request(order).pk)
    assert ask(order).json()["code"] == "request_limit"


def test_a_return_is_told_with_its_parcel():
    request = make_request(kind=RequestKind.RETURN_AND_REFUND)
    parcel = f"{ROOT}{request.pk}/parcel/"
    assert client().post(parcel, {"carrier": "SF", "tracking_no": "1"}, format="json").status_code == 409
    approve_request(request_id=request.pk, actor="operator:1")
    told = client().post(parcel, {"carrier": "SF", "tracking_no": "SF-1"}, format="json").json()
    assert (told["state"], told["tracking_no"]) == ("RETURNING", "SF-1")
    assert told["stage"] == "The goods are on their way back to us."
    assert client().post(parcel, {"carrier": "", "tracking_no": "1"}, format="json").status_code == 400
    assert client(251).post(parcel, {"carrier": "SF", "tracking_no": "1"}, format="json").status_code == 404


def test_a_request_is_taken_back_until_money_is_on_its_way():
    request = make_request()
    cancel = f"{ROOT}{request.pk}/cancel/"
    assert client(260).post(cancel).status_code == 404
    body = client().post(cancel).json()
    assert (body["state"], body["answer"], body["latest_by"]) == ("CANCELLED", "by_member", None)
    assert (client().post(cancel).status_code, client().post(cancel).json()["code"]) == (409, "wrong_request_state")
    approved = make_request()
    approve_request(request_id=approved.pk, actor="operator:1")
    assert client().post(f"{ROOT}{approved.pk}/cancel/").status_code == 409
    assert [move[1] for move in log_of(request)] == ["REQUESTED", "CANCELLED"]


def test_a_list_says_what_is_wrong_with_its_order():
    assert client().get(ROOT, {"order_id": "x"}).status_code == 400
