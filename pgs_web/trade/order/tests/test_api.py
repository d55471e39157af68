"""POST /orders/{id}/cancel/, /confirm-receipt/ and /refund-requests/."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from pgs_data.clock import database_now
from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.slots import alias_of_id, slot_of_key
from pgs_web.member.tokens import issue_access_token
from pgs_web.trade.group.services import PaidSeat, count_paid_seats
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import mark_paid, mark_shipped, mark_to_ship
from pgs_web.trade.order.tests.making import make_group_of_orders, make_order

pytestmark = pytest.mark.django_db(databases="__all__")
ACTS = ["cancel", "confirm-receipt", "refund-requests"]


def post(order_id: int | str, act: str, *, member_id: int):
    api = APIClient(raise_request_exception=False, headers={"Accept-Language": "en"})
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_access_token(member_id=member_id)}")
    return api.post(f"/api/v1/orders/{order_id}/{act}/")


def pay(order: Order) -> None:
    assert mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))


def test_cancel_answers_the_order_as_it_is_now():
    order = make_order()
    answer = post(order.pk, "cancel", member_id=10)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["id"], body["state"], body["reason"]) == (str(order.pk), "CANCELLED", "by_member")
    assert (body["group_id"], body["amount_fen"], body["shipment"], body["paid_at"]) == (None, 990, None, None)
    assert all(body[name].endswith("Z") for name in ("server_time", "accepted_at", "pay_by"))


def test_cancelling_a_paid_order_is_refused_and_changes_nothing():
    order = make_order()
    pay(order)
    answer = post(order.pk, "cancel", member_id=10)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert "TO_SHIP" in answer.json()["detail"]
    order.refresh_from_db()
    assert order.state == "TO_SHIP"


def test_receipt_is_confirmed_once_shipped():
    order = make_order()
    pay(order)
    assert post(order.pk, "confirm-receipt", member_id=10).status_code == 409
    mark_shipped(order_ids=[order.pk])
    body = post(order.pk, "confirm-receipt", member_id=10).json()
    assert body["state"] == "COMPLETED"
    assert body["shipment"]["carrier"] == "sandbox"
    assert body["shipment"]["tracking_no"].startswith("SB")


def test_a_refund_is_asked_for_before_shipping_only():
    order = make_order()
    pay(order)
    body = post(order.pk, "refund-requests", member_id=10).json()
    assert (body["state"], body["reason"]) == ("REFUNDING", "by_member")
    assert body["refund_by"] > body["server_time"]

    shipped = make_order()
    pay(shipped)
    mark_shipped(order_ids=[shipped.pk])
    answer = post(shipped.pk, "refund-requests", member_id=10)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


def test_a_refund_while_the_group_is_forming_gives_up_the_seat():
    made = make_group_of_orders(size=2)
    order = made.orders[1]
    pay(order)
    body = post(order.pk, "refund-requests", member_id=order.member_id).json()
    assert (body["state"], body["reason"]) == ("REFUNDING", "by_member")
    made.seats[1].refresh_from_db()
    assert made.seats[1].state == "REFUNDED"


def test_a_refund_between_success_and_shipping_keeps_the_seat():
    made = make_group_of_orders(size=1)
    order = made.orders[0]
    pay(order)
    count_paid_seats(payments=[PaidSeat(group_id=made.group.pk, order_id=order.pk, paid_at=made.group.opened_at)])
    body = post(order.pk, "refund-requests", member_id=order.member_id).json()
    assert body["state"] == "REFUNDING"
    made.seats[0].refresh_from_db()
    assert made.seats[0].state == "CONFIRMED"
    assert mark_to_ship(order_ids=[order.pk]) == [], "its success comes too late to ship it"


def test_a_refund_whose_seat_is_not_written_down_yet_is_told_to_wait():
    made = make_group_of_orders(size=2, taken=1)
    early = make_order(member_id=777, group_id=made.group.pk)
    pay(early)
    answer = post(early.pk, "refund-requests", member_id=777)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (409, "wrong_state", "1")
    early.refresh_from_db()
    assert early.state == "AWAITING_GROUP"


@pytest.mark.parametrize("act", ACTS)
def test_another_members_order_is_like_one_that_does_not_exist(act):
    order = make_order(member_id=10)
    same_slot, other_slot = 11, 20
    unknown = post(new_id(slot=slot_of_key(10)), act, member_id=10)
    answers = [post(order.pk, act, member_id=member_id) for member_id in (same_slot, other_slot)]
    for answer in (*answers, unknown):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.json()["detail"] == unknown.json()["detail"]
    order.refresh_from_db()
    assert (order.state, order.log_count) == ("UNPAID", 2)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    "order_id", ["0", "01", "-1", "1.5", "9223372036854775808", "%7Bx%7D", "１２", "1%00", "1%0d%0a"]
)
def test_an_id_that_is_none_is_404(act, order_id):
    answer = post(order_id, act, member_id=10)
    assert answer.status_code == 404


@pytest.mark.parametrize("act", ACTS)
def test_nobody_acts_without_signing_in(act):
    order = make_order()
    answer = APIClient().post(f"/api/v1/orders/{order.pk}/{act}/")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_an_overdue_order_is_still_the_members_to_cancel():
    order = make_order(pay_within=timedelta(seconds=-1))
    assert post(order.pk, "cancel", member_id=10).status_code == 200
    assert post(order.pk, "cancel", member_id=10).status_code == 409
