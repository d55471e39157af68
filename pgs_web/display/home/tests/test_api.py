"""The front page in one answer."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from pgs_data.clock import database_now
from pgs_web.display.activity.states import ActivityState
from pgs_web.display.activity.tests.making import make_activity, make_running, make_sku
from pgs_web.display.home.selectors import OFFERS_SHOWN, PRODUCTS_SHOWN
from pgs_web.display.product.models import Product

pytestmark = pytest.mark.django_db(databases="__all__")
URL = "/api/v1/home/"


def test_an_empty_shop_has_a_front_page(client):
    page = client.get(URL).json()
    assert (page["running"], page["starting_soon"], page["new_products"]) == ([], [], [])
    assert len(page["categories"]) == 8


def test_offers_that_end_first_and_start_first_come_first(client):
    now = database_now("default")
    late, soon = make_running(), make_running(ends_at=now + timedelta(minutes=5))
    make_running(ends_at=now - timedelta(seconds=1))
    make_activity(state=ActivityState.PAUSED)
    tomorrow = make_activity(
        state=ActivityState.SCHEDULED, starts_at=now + timedelta(days=1), ends_at=now + timedelta(days=2)
    )
    tonight = make_activity(
        state=ActivityState.SCHEDULED, starts_at=now + timedelta(hours=1), ends_at=now + timedelta(days=2)
    )
    page = client.get(URL, headers={"Accept-Language": "en"}).json()
    assert [offer["id"] for offer in page["running"]] == [str(soon.pk), str(late.pk)]
    assert [offer["id"] for offer in page["starting_soon"]] == [str(tonight.pk), str(tomorrow.pk)]
    assert page["new_products"][0]["title"] == "Peaches"
    assert page["server_time"].endswith("Z")


def test_what_is_off_the_shelf_is_not_shown(client):
    shown, hidden = make_sku(), make_sku()
    Product.objects.filter(pk=hidden.product_id).update(is_on_shelf=False)
    assert [product["id"] for product in client.get(URL).json()["new_products"]] == [str(shown.product_id)]


def test_a_large_shop_costs_what_a_small_one_costs(client):
    make_running()
    with CaptureQueriesContext(connections["default"]) as small:
        client.get(URL)
    for _number in range(20):
        make_running()
    with CaptureQueriesContext(connections["default"]) as large:
        page = client.get(URL).json()
    assert len(page["running"]) == OFFERS_SHOWN
    assert len(page["new_products"]) == PRODUCTS_SHOWN
    assert len(small) == len(large) == 7
