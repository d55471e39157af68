"""GET /orders/ and /orders/{id}/: an order is there from its 202 on, wherever it is at the moment."""

from unittest.mock import patch

import pytest
from django.db import OperationalError

from pgs_data.ids.snowflake import new_id
from pgs_data.ids.texts import short_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import slot_of_key
from pgs_task.order_drain.tests.making import drain, facts_in_stream
from pgs_web.trade.intake import selectors
from pgs_web.trade.intake.selectors import is_waiting_in_stream, list_own_orders
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_own_order
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.keys import holds_key
from pgs_web.trade.stock.messages import SettleMovement
from pgs_web.trade.stock.services import Settlement, settle_holds
from pgs_web.trade.stock.tests.making import make_sale

# The drain drops old connections, and with them the transaction that another kind of test runs in.
pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


@pytest.fixture
def shopper(shoppers):
    return shoppers()[0]


def test_an_order_from_the_stream_to_the_database(shopper, buy, read):
    activity = make_sale(stock=5, price_fen=1990)
    placed = buy(shopper, activity, on_late_payment="retry", on_lost_seat="move")
    location = placed["Location"]
    waiting = read(shopper, location)
    assert waiting.status_code == 200
    body = waiting.json()
    assert (body["state"], body["order_id"], body["group_id"]) == (
        "ACCEPTED",
        placed.json()["order_id"],
        placed.json()["group_id"],
    )
    assert (body["amount_fen"], body["unit_price_fen"], body["quantity"], body["mode"]) == (1990, 1990, 1, "group")
    assert (body["sku_id"], body["merchant_id"]) == (str(activity.sku_id), str(activity.sku.product.merchant_id))
    assert (body["address_id"], body["activity_id"]) == (str(shopper.address_id), str(activity.pk))
    assert (body["on_late_payment"], body["on_lost_seat"]) == ("retry", "move")
    assert (body["pay_by"], body["paid_at"], body["shipment"]) == (placed.json()["pay_by"], None, None)
    assert [one["state"] for one in read(shopper, "/api/v1/orders/").json()["results"]] == ["ACCEPTED"]
    assert body["queue"] == placed.json()["queue"] == {"position": 1, "eta_seconds": 1}

    drain(activity)
    written = read(shopper, location).json()
    assert written["state"] == "UNPAID"
    assert written["queue"] is None
    for name in set(body) - {"state", "queue", "server_time"}:
        assert written[name] == body[name], name
    assert [one["state"] for one in read(shopper, "/api/v1/orders/").json()["results"]] == ["UNPAID"]


def test_a_waiting_order_cannot_be_acted_on(shopper, buy, api):
    activity = make_sale(stock=5)
    location = buy(shopper, activity)["Location"]
    order_id = int(location.split("/")[-2])
    assert is_waiting_in_stream(shopper.member_id, order_id)
    drain(activity)
    assert not is_waiting_in_stream(shopper.member_id, order_id)


def test_a_rejected_order_says_why(shopper, buy, read):
    activity = make_sale(stock=5)
    placed = buy(shopper, activity)
    order_id = int(placed.json()["order_id"])
    settle_holds(
        settlements=[
            Settlement(
                activity_id=activity.pk, order_id=order_id, movement=SettleMovement.REJECT, reason="contradictory"
            )
        ]
    )
    body = read(shopper, placed["Location"]).json()
    assert (body["state"], body["reason"], body["queue"]) == ("REJECTED", "contradictory", None)
    assert [one["state"] for one in read(shopper, "/api/v1/orders/").json()["results"]] == ["REJECTED"]
    assert not is_waiting_in_stream(shopper.member_id, order_id)


def test_refused_orders_are_none(shopper, buy, read):
    activity = make_sale(stock=1)
    assert buy(shopper, activity, quantity=1).status_code == 202
    assert buy(shopper, activity, key="k2").status_code == 409
    assert len(read(shopper, "/api/v1/orders/").json()["results"]) == 1


def test_orders_of_others_are_not_there(shoppers, buy, read):
    activity = make_sale(stock=5)
    made = shoppers(3)
    # Ten ids in a row share a slot, and so do two of any three: it isn't only the slot that keeps them apart.
    shopper, neighbour = made[:2] if slot_of_key(made[0].member_id) == slot_of_key(made[1].member_id) else made[1:]
    assert slot_of_key(shopper.member_id) == slot_of_key(neighbour.member_id)
    location = buy(shopper, activity)["Location"]
    for _round in range(2):
        assert read(neighbour, location).status_code == 404
        assert read(neighbour, "/api/v1/orders/").json()["results"] == []
        drain(activity)


@pytest.mark.parametrize("name", ["0", "007", "x", "1" * 20, str(2**63), "-1", "%7Bp01%7D", "1%0a", "１２"])
def test_ids_that_are_none(shopper, read, name):
    assert read(shopper, f"/api/v1/orders/{name}/").status_code == 404


def test_ids_that_are_not_there(shopper, read):
    for slot in (slot_of_key(shopper.member_id), 40):
        assert read(shopper, f"/api/v1/orders/{new_id(slot=slot)}/").status_code == 404
    for number in (1, 2**63 - 1):
        assert read(shopper, f"/api/v1/orders/{number}/").status_code == 404


def test_reading_needs_a_sign_in(api):
    assert api.get("/api/v1/orders/").status_code == 401
    assert api.get("/api/v1/orders/5/").status_code == 401


def walk(read, shopper, path):
    """All pages forwards, then back again."""
    pages = [read(shopper, path).json()]
    while pages[-1]["next"]:
        pages.append(read(shopper, pages[-1]["next"]).json())
    back = [pages[-1]]
    while back[-1]["previous"]:
        back.append(read(shopper, back[-1]["previous"]).json())
    return pages, back[::-1]


def ids_of(pages):
    return [[one["order_id"] for one in page["results"]] for page in pages]


@pytest.mark.slow
def test_pages_over_both_sources(shopper, buy, read):
    activity = make_sale(stock=50, member_limit=50)
    placed = [buy(shopper, activity, key=f"k{number}").json()["order_id"] for number in range(7)]
    drain(activity)
    placed += [buy(shopper, activity, key=f"late{number}").json()["order_id"] for number in range(4)]
    newest_first = placed[::-1]
    for size in (1, 2, 3, 11, 100):
        pages, back = walk(read, shopper, f"/api/v1/orders/?page_size={size}")
        expected = [newest_first[start : start + size] for start in range(0, 11, size)]
        assert ids_of(pages) == expected
        assert ids_of(back) == expected
        assert pages[0]["previous"] is None
    states = [one["state"] for one in read(shopper, "/api/v1/orders/").json()["results"]]
    assert states == ["ACCEPTED"] * 4 + ["UNPAID"] * 7


def test_an_order_that_is_written_down_while_the_list_is_read_is_shown_once(shopper, buy):
    activity = make_sale(stock=50, member_limit=50)
    for number in range(3):
        buy(shopper, activity, key=f"k{number}")
    waiting_orders = selectors._waiting_orders

    def meanwhile(member_id):
        found = waiting_orders(member_id)
        drain(activity)
        return found

    with patch.object(selectors, "_waiting_orders", meanwhile):
        page = list_own_orders(member_id=shopper.member_id, limit=20)
    assert [order.state for order in page.orders] == [OrderState.UNPAID] * 3


def test_an_order_that_is_written_down_while_it_is_read(shopper, buy, read):
    activity = make_sale(stock=5)
    location = buy(shopper, activity)["Location"]
    order_id = int(location.split("/")[-2])
    find_hold = selectors._find_hold

    def meanwhile(member_id, wanted):
        drain(activity)
        cancel_own_order(member_id=shopper.member_id, order_id=order_id)
        settle_holds(
            settlements=[Settlement(activity_id=activity.pk, order_id=order_id, movement=SettleMovement.RELEASE)]
        )
        return find_hold(member_id, wanted)

    with patch.object(selectors, "_find_hold", meanwhile):
        assert read(shopper, location).json()["state"] == "CANCELLED"


@pytest.mark.parametrize(
    "query",
    [
        "cursor=",
        "cursor=x",
        "cursor=b",
        "cursor=b0",
        "cursor=c5",
        "cursor=b%00",
        "page_size=0",
        "page_size=101",
        "page_size=x",
    ],
)
def test_pages_that_are_none(shopper, read, query):
    assert read(shopper, f"/api/v1/orders/?{query}").status_code == 400


@pytest.mark.slow
def test_the_list_costs_the_page(shopper, buy, read, django_assert_max_num_queries):
    activity = make_sale(stock=90, member_limit=90)
    admit(*(make_admission(activity, member_id=shopper.member_id) for _ in range(60)))
    drain(activity)
    for number in range(10):
        buy(shopper, activity, key=f"k{number}")
    for alias in ("node0", "node1", "node2", "default"):
        with django_assert_max_num_queries(4, using=alias):
            assert len(read(shopper, "/api/v1/orders/?page_size=50").json()["results"]) == 50


def test_a_node_that_is_away_is_503(shopper, buy, read):
    activity = make_sale(stock=5)
    location = buy(shopper, activity)["Location"]
    with patch("django.db.backends.utils.CursorWrapper.execute", side_effect=OperationalError(2002, "gone")):
        for path in (location, "/api/v1/orders/"):
            response = read(shopper, path)
            assert response.status_code == 503
            assert response["Retry-After"] == "1"


def test_a_hold_without_its_claim_is_nobodys(shopper, read):
    activity = make_sale(stock=5)
    admit(make_admission(activity, member_id=shopper.member_id))
    (facts,) = facts_in_stream(activity)
    assert ledger(partition_of(activity.pk)).hexists(holds_key(activity.pk), short_id(facts.id))
    assert read(shopper, f"/api/v1/orders/{facts.id}/").status_code == 404
    assert not Order.objects.filter(pk=facts.id).exists()
