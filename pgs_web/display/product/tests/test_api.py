"""The catalogue over HTTP."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from pgs_web.display.product.models import Merchant, Product, Sku

pytestmark = pytest.mark.django_db(databases="__all__")
URL = "/api/v1/products/"


def make_product(code, *, title="水蜜桃", title_en="Peaches", prices=(500,), merchant="m", **fields):
    owner, _is_new = Merchant.objects.get_or_create(code=merchant, defaults={"name": "果园", "name_en": "Orchard"})
    product = Product.objects.create(merchant=owner, code=code, title=title, title_en=title_en, **fields)
    for number, price_fen in enumerate(prices):
        Sku.objects.create(
            product=product, code=f"{merchant}-{code}-{number}", title="大", title_en="large", price_fen=price_fen
        )
    return product


def codes(client, **query):
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.content
    return [result["code"] for result in answer.json()["results"]]


def test_a_card_has_the_cheapest_offered_variants_price(client):
    product = make_product("a", prices=(700, 500, 900))
    Sku.objects.filter(price_fen=500).update(is_on_shelf=False)
    (card,) = client.get(URL, headers={"Accept-Language": "en"}).json()["results"]
    assert card == {
        "id": str(product.pk),
        "code": "a",
        "category": "other",
        "title": "Peaches",
        "picture_url": None,
        "price_fen": 700,
        "merchant": {"id": str(product.merchant_id), "name": "Orchard"},
    }


def test_a_page_has_description_and_variants_in_the_readers_language(client):
    product = make_product("a", prices=(700, 500), description="甜", description_en="Sweet")
    page = client.get(f"{URL}{product.pk}/").json()
    assert (page["title"], page["description"]) == ("水蜜桃", "甜")
    assert [(sku["title"], sku["price_fen"]) for sku in page["skus"]] == [("大", 500), ("大", 700)]
    page = client.get(f"{URL}{product.pk}/", headers={"Accept-Language": "en-US,en;q=0.9"}).json()
    assert (page["title"], page["description"], page["skus"][0]["title"]) == ("Peaches", "Sweet", "large")


def test_off_the_shelf_and_of_a_closed_merchant_nothing_is_shown(client):
    hidden = make_product("hidden", is_on_shelf=False)
    closed = make_product("closed", merchant="closed")
    Merchant.objects.filter(code="closed").update(is_open=False)
    make_product("shown", prices=())
    assert codes(client) == ["shown"]
    assert client.get(URL).json()["results"][0]["price_fen"] is None
    for product in (hidden, closed):
        assert client.get(f"{URL}{product.pk}/").status_code == 404


def test_search_category_merchant(client):
    make_product("a1", title="蜜桃", title_en="SUMMER Peach", category="fruit")
    other = make_product("b2", title="Kopfhörer", title_en="Headphones", merchant="other", category="digital")
    assert codes(client, search="peach s") == []
    assert codes(client, search="summer PEACH") == codes(client, search="蜜桃") == codes(client, search="a1") == ["a1"]
    assert codes(client, search="a%") == codes(client, search="_") == []
    assert codes(client, search=" ") == ["b2", "a1"]
    assert codes(client, category="fruit") == ["a1"]
    assert codes(client, merchant=str(other.merchant_id)) == ["b2"]


@pytest.mark.parametrize(
    "query",
    [
        {"search": "x" * 61},
        {"category": "no"},
        {"category": ""},
        {"merchant": "0"},
        {"merchant": "x"},
        {"page_size": "0"},
    ],
)
def test_bad_questions_are_400_and_say_where(client, query):
    answer = client.get(URL, query)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == list(query)


def test_pages_show_everything_once(client):
    for number in range(7):
        make_product(f"c{number}")
    url, seen = f"{URL}?page_size=3", []
    while url:
        page = client.get(url).json()
        seen += [result["code"] for result in page["results"]]
        url = page["next"]
    assert seen == [f"c{number}" for number in reversed(range(7))]


def test_a_page_costs_the_same_queries_whatever_its_size(client):
    for number in range(10):
        make_product(f"c{number}", prices=(1, 2, 3))
    with CaptureQueriesContext(connections["default"]) as small:
        client.get(URL, {"page_size": 1})
    with CaptureQueriesContext(connections["default"]) as large:
        client.get(URL, {"page_size": 10})
    assert len(small) == len(large) == 2


def test_writing_is_not_allowed(client):
    for method in (client.post, client.put, client.patch, client.delete):
        assert method(URL).status_code == 405
