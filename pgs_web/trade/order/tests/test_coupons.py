"""/orders/{id}/coupons/ and /coupons/: what coupons make of an order, and when they come back."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from pgs_data.clock import database_now
from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.slots import alias_of_id, slot_of_key
from pgs_task.payment.tests.making import pay, start
from pgs_web.display.activity.tests.making import make_sku
from pgs_web.member.tokens import issue_access_token
from pgs_web.trade.coupon.models import Coupon, CouponUse, Mode
from pgs_web.trade.coupon.services import withdraw_coupon
from pgs_web.trade.coupon.tests.making import issue, let_end, promise
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.selectors import split_units
from pgs_web.trade.order.services import (
    cancel_own_order,
    cancel_unpaid_orders,
    mark_shipped,
    revive_order,
    start_refund,
    use_coupons,
)
from pgs_web.trade.order.states import RefundReason
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__")


def client(member_id: int = 10) -> APIClient:
    api = APIClient(raise_request_exception=False, headers={"Accept-Language": "en"})
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_access_token(member_id=member_id)}")
    return api


def use(order: Order, *coupons: Coupon, member_id: int = 10):
    body = {"coupon_ids": [str(coupon.pk) for coupon in coupons]}
    return client(member_id).post(f"/api/v1/orders/{order.pk}/coupons/", body, format="json")


def state_of(coupon: Coupon) -> tuple[str, int | None]:
    row = Coupon.objects.get(pk=coupon.pk)
    return row.state, row.order_id


def amounts_of(order: Order) -> tuple[int, int]:
    order.refresh_from_db()
    return order.discount_fen, order.amount_fen


def refused(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_coupons_make_an_order_cheaper_until_they_are_taken_off():
    order, other = make_order(quantity=2), make_order()
    first, second, third = issue(), issue(amount_fen=31, stack_group="red"), issue(amount_fen=7)
    answer = use(order, first, second)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["sum_fen"], body["discount_fen"], body["amount_fen"]) == (1980, 131, 1849)
    assert body["coupons"] == [
        {"coupon_id": str(first.pk), "discount_fen": 100},
        {"coupon_id": str(second.pk), "discount_fen": 31},
    ]
    assert body["units"] == [{"units": 1, "amount_fen": 925}, {"units": 1, "amount_fen": 924}]
    assert [one["coupon_id"] for one in body["fitting"]] == [str(third.pk)]
    assert body["server_time"].endswith("Z")
    assert amounts_of(order) == (131, 1849)
    assert refused(use(other, first)) == (409, "coupon_not_usable")
    # Replaced: what the order had and has no more is the member's again.
    assert use(order, third).json()["discount_fen"] == 7
    assert (state_of(first), state_of(third)) == (("ISSUED", None), ("USED", order.pk))
    assert use(other, first).status_code == 200
    taken_off = client().delete(f"/api/v1/orders/{order.pk}/coupons/").json()
    assert (taken_off["discount_fen"], taken_off["amount_fen"], taken_off["coupons"]) == (0, 1980, [])
    assert amounts_of(order) == (0, 1980)
    assert state_of(third) == ("ISSUED", None)


def test_a_refusal_leaves_the_selection_as_it_was():
    order, coupon = make_order(), issue()
    use(order, coupon)
    for wrong, code in (
        (issue(threshold_fen=991, stack_group="a"), "coupon_does_not_fit"),
        (issue(activity_id=order.activity_id + 1, stack_group="a"), "coupon_does_not_fit"),
        (issue(product_id=77, stack_group="a"), "coupon_does_not_fit"),
        (issue(mode="group", stack_group="a"), "coupon_does_not_fit"),
        (issue(begins_in=timedelta(hours=1), stack_group="a"), "coupon_not_usable"),
        (issue(), "coupons_dont_stack"),
    ):
        assert refused(use(order, coupon, wrong)) == (409, code)
    assert refused(use(order, issue(member_id=20))) == (404, "not_found")
    assert refused(use(order, issue(member_id=251))) == (404, "not_found")
    assert refused(use(order, *[issue(stack_group=str(n)) for n in range(4)])) == (409, "coupons_dont_stack")
    gone, over = issue(), issue()
    withdraw_coupon(coupon_id=gone.pk)
    let_end(over)
    for coupon_wrong in (gone, over):
        assert refused(use(order, coupon_wrong)) == (409, "coupon_not_usable")
    assert (amounts_of(order), state_of(coupon)) == ((100, 890), ("USED", order.pk))
    assert refused(use(order, issue(member_id=20), member_id=20)) == (404, "not_found")


@pytest.mark.parametrize("ids", [[], ["x"], [1], "1", None, ["1", "1"], [str(n) for n in range(1, 12)], {"a": 1}])
def test_broken_input_is_refused(ids):
    order = make_order()
    answer = client().post(f"/api/v1/orders/{order.pk}/coupons/", {"coupon_ids": ids}, format="json")
    assert answer.status_code == 400, answer.content


def test_scopes_that_fit_and_modes_are_the_order_rooms():
    sku = make_sku()
    order = make_order()
    Order.objects.filter(pk=order.pk).update(sku_id=sku.pk)
    exact = issue(product_id=sku.product_id, activity_id=order.activity_id, mode="alone", threshold_fen=990)
    assert use(order, exact).status_code == 200
    assert set(Mode.values) == set(OrderMode.values)


def test_one_fen_stays_to_be_paid_and_no_coupon_is_lost_for_nothing():
    order = make_order()
    large, further = issue(amount_fen=5000), issue(stack_group="red")
    assert refused(use(order, large, further)) == (409, "nothing_left_to_discount")
    assert use(order, large).json()["amount_fen"] == 1
    assert CouponUse.objects.get(order_id=order.pk).discount_fen == 989


def test_a_promised_price_is_of_one_unit_and_goes_by_itself():
    order, beside = make_order(unit_price_fen=5000), issue(stack_group="red")
    coupon = promise(activity_id=order.activity_id, price_fen=1000)
    body = use(order, coupon).json()
    assert (body["discount_fen"], body["amount_fen"]) == (4000, 1000)
    for coupons in ((coupon, beside), (beside, coupon)):
        assert refused(use(order, *coupons)) == (409, "coupons_dont_stack")
    client().delete(f"/api/v1/orders/{order.pk}/coupons/")
    for other in (make_order(unit_price_fen=5000, quantity=2), make_order(unit_price_fen=1000)):
        assert refused(use(other, coupon)) == (409, "coupon_does_not_fit")
        assert [one["coupon_id"] for one in use(other, beside).json()["fitting"]] == []
        client().delete(f"/api/v1/orders/{other.pk}/coupons/")
    (shown,) = [one for one in client().get("/api/v1/coupons/").json()["results"] if one["price_fen"] is not None]
    assert (shown["coupon_id"], shown["price_fen"], shown["stack_group"]) == (str(coupon.pk), 1000, "exclusive")


@pytest.mark.parametrize(("quantity", "discount"), [(1, 0), (3, 100), (7, 989), (990, 989)])
def test_units_cost_whole_fen_that_add_up(quantity, discount):
    order = Order(quantity=quantity, amount_fen=quantity * 990 - discount)
    units = split_units(order)
    assert sum(one["units"] for one in units) == quantity
    assert sum(one["units"] * one["amount_fen"] for one in units) == order.amount_fen
    prices = [one["amount_fen"] for one in units]
    assert max(prices) - min(prices) <= 1


def test_the_price_stays_once_somebody_has_begun_to_pay():
    order, coupon, other = make_order(), issue(), issue(stack_group="red")
    use(order, coupon)
    payment = start(order)
    assert payment.amount_fen == 890
    assert refused(use(order, other)) == (409, "price_fixed")
    assert refused(client().delete(f"/api/v1/orders/{order.pk}/coupons/")) == (409, "price_fixed")
    pay(payment)
    order.refresh_from_db()
    assert (order.state, order.amount_fen) == ("TO_SHIP", 890)
    assert refused(use(order, other)) == (409, "wrong_state")
    assert state_of(coupon) == ("USED", order.pk)
    assert client().get(f"/api/v1/orders/{order.pk}/coupons/").json()["fitting"] == []


def test_after_the_deadline_nothing_changes_and_the_coupon_comes_back(settings):
    settings.UNPAID_GRACE_SECONDS = 0
    order, coupon = make_order(), issue()
    use(order, coupon)
    Order.objects.filter(pk=order.pk).update(pay_by=database_now(alias_of_id(order.pk)) - timedelta(seconds=1))
    assert refused(client().delete(f"/api/v1/orders/{order.pk}/coupons/")) == (409, "time_to_pay_over")
    assert cancel_unpaid_orders() == 1
    assert state_of(coupon) == ("ISSUED", None)
    # The order tells what it would have cost.
    assert amounts_of(order) == (100, 890)
    assert use(make_order(), coupon).status_code == 200


def test_what_comes_back_has_the_time_that_it_has():
    order, coupon = make_order(), issue()
    use(order, coupon)
    let_end(coupon)
    cancel_own_order(member_id=10, order_id=order.pk)
    assert state_of(coupon) == ("EXPIRED", None)


def test_a_refund_before_shipping_gives_back_and_one_after_it_does_not():
    kept, given_back = make_order(), make_order()
    first, second = issue(), issue()
    for order, coupon in ((kept, first), (given_back, second)):
        use(order, coupon)
        pay(start(order))
    mark_shipped(order_ids=[kept.pk])
    states = {"SHIPPED", "TO_SHIP"}
    for order in (kept, given_back):
        start_refund(order_id=order.pk, reason=RefundReason.BY_OPERATOR, actor="test", from_states=states)
    assert (state_of(first), state_of(second)) == (("USED", kept.pk), ("ISSUED", None))


def test_an_order_taken_up_again_has_its_coupons_or_is_not():
    order, coupon = make_order(), issue()
    use(order, coupon)
    cancel_own_order(member_id=10, order_id=order.pk)
    let_end(coupon)
    now = database_now(alias_of_id(order.pk))
    assert revive_order(order_id=order.pk, paid_at=now, group_id=None) is not None
    assert state_of(coupon) == ("USED", order.pk)
    cancelled, wanted = make_order(), issue()
    use(cancelled, wanted)
    cancel_own_order(member_id=10, order_id=cancelled.pk)
    use(make_order(), wanted)
    assert revive_order(order_id=cancelled.pk, paid_at=now, group_id=None) is None
    cancelled.refresh_from_db()
    assert cancelled.state == "CANCELLED"


def test_own_coupons_by_state():
    order, used, over, fresh, strange = make_order(), issue(), issue(), issue(), issue(member_id=20)
    use(order, used)
    let_end(over)
    page = client().get("/api/v1/coupons/").json()
    assert [one["coupon_id"] for one in page["results"]] == [str(one.pk) for one in (fresh, over, used)]
    assert [one["state"] for one in page["results"]] == ["ISSUED", "EXPIRED", "USED"]
    assert page["results"][2]["order_id"] == str(order.pk)
    for state, expected in (("ISSUED", fresh), ("EXPIRED", over), ("USED", used)):
        (one,) = client().get("/api/v1/coupons/", {"state": state}).json()["results"]
        assert one["coupon_id"] == str(expected.pk)
    assert client().get("/api/v1/coupons/", {"state": "x"}).status_code == 400
    assert client(20).get("/api/v1/coupons/", {"page_size": 1}).json()["results"][0]["coupon_id"] == str(strange.pk)


def test_an_order_that_is_not_there():
    missing = new_id(slot=slot_of_key(10))
    for method in ("get", "delete"):
        assert getattr(client(), method)(f"/api/v1/orders/{missing}/coupons/").status_code == 404
    assert use_coupons(member_id=10, order_id=make_order().pk, coupon_ids=[]).discount_fen == 0
