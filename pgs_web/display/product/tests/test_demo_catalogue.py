"""The demo's catalogue: complete in both languages, and loading it again changes nothing."""

import json

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command

from pgs_web.display.product.categories import Category
from pgs_web.display.product.demo.loading import load_demo_catalogue
from pgs_web.display.product.demo.reading import read_demo_catalogue
from pgs_web.display.product.drawings.gallery import DRAWINGS_OF_CATEGORY
from pgs_web.display.product.models import Merchant, Product, Sku


def test_forty_products_in_two_languages_with_a_drawing_each():
    catalogue = read_demo_catalogue()
    assert len(catalogue.products) >= 40
    assert 3 <= len(catalogue.merchants) <= 5
    assert {product.category for product in catalogue.products} == set(Category) - {Category.OTHER}
    used = [(product.category, product.drawing) for product in catalogue.products]
    assert len(set(used)) == len(used)
    for product in catalogue.products:
        assert product.drawing in DRAWINGS_OF_CATEGORY[product.category], product.code
        assert any("\u4e00" <= character <= "\u9fff" for character in product.title + product.description)
        assert product.title_en.isascii() or "°" in product.title_en
        assert len(product.description_en) > 40
        assert product.skus
        assert all(sku.price_fen > 0 for sku in product.skus)
    codes = [sku.code for product in catalogue.products for sku in product.skus]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('category = "fruit"', 'category = "fruits"'), "'peach'"),
        (('merchant = "orchard"', 'merchant = "nobody"'), "'peach'"),
        (('code = "peach"\n', ""), "None"),
    ],
)
def test_a_mistake_in_the_file_names_the_product(tmp_path, change, message):
    text = """[merchants]
orchard = ["果园", "Orchard"]
[[product]]
code = "peach"
merchant = "orchard"
category = "fruit"
title = "桃"
title_en = "Peach"
description = "甜"
description_en = "Sweet"
skus = [["6", "六颗", "six", 100, 5]]
"""
    path = tmp_path / "catalogue.toml"
    path.write_text(text)
    assert read_demo_catalogue(path).products[0].skus[0].code == "peach-6"
    path.write_text(text.replace(*change))
    with pytest.raises(ValueError, match=message):
        read_demo_catalogue(path)


@pytest.mark.django_db(databases="__all__")
def test_loading_again_changes_nothing(capsys):
    first = load_demo_catalogue()
    assert first.products == Product.objects.count() >= 40
    rows = list(Product.objects.order_by("id").values()), list(Sku.objects.order_by("id").values())
    call_command("load_demo_catalogue", "--json")
    again = json.loads(capsys.readouterr().out)
    assert again == {"merchants": first.merchants, "products": first.products, "skus": first.skus, "pictures_drawn": 0}
    assert rows == (list(Product.objects.order_by("id").values()), list(Sku.objects.order_by("id").values()))


@pytest.mark.django_db(databases="__all__")
def test_loading_again_repairs_what_was_changed_and_lost():
    load_demo_catalogue()
    peach = Product.objects.get(code="peach")
    Product.objects.filter(pk=peach.pk).update(title="别的", picture="")
    Sku.objects.filter(code="peach-6").update(price_fen=1)
    Sku.objects.filter(code="peach-12").delete()
    default_storage.delete(str(peach.picture))
    assert load_demo_catalogue().pictures_drawn == 1
    repaired = Product.objects.get(code="peach")
    assert (repaired.pk, repaired.title, repaired.picture.name) == (peach.pk, peach.title, peach.picture.name)
    assert Sku.objects.get(code="peach-6").price_fen > 1
    assert Sku.objects.filter(code="peach-12").exists()
    assert default_storage.exists(str(repaired.picture))


@pytest.mark.django_db(databases="__all__")
def test_every_product_shows_its_picture_over_http(client):
    load_demo_catalogue()
    assert Merchant.objects.count() >= 3
    url, seen = "/api/v1/products/?page_size=100", 0
    for product in client.get(url).json()["results"]:
        answer = client.get(product["picture_url"])
        assert answer.status_code == 200, product
        assert answer["Content-Type"] == "image/svg+xml"
        seen += 1
    assert seen == Product.objects.count()
