"""Writing single rows of the catalogue, as the back office does."""

import pytest
from django.core.exceptions import ValidationError

from pgs_web.display.product.models import Merchant, Product, Sku
from pgs_web.display.product.services import change_shelf, save_catalogue_row

pytestmark = pytest.mark.django_db(databases="__all__")


def make_products(count):
    merchant = Merchant.objects.create(code="m", name="果园")
    return [Product.objects.create(merchant=merchant, code=f"p{number}", title="桃") for number in range(count)]


def test_a_row_is_checked_as_a_whole_before_it_is_stored():
    (product,) = make_products(1)
    with pytest.raises(ValidationError) as caught:
        save_catalogue_row(row=Sku(product=product, code="s", price_fen=0))
    assert "price_fen" in caught.value.message_dict
    with pytest.raises(ValidationError):
        save_catalogue_row(row=Product(merchant=product.merchant, code="p0", title="again"))
    assert not Sku.objects.exists()
    save_catalogue_row(row=Sku(product=product, code="s", price_fen=1))
    assert Sku.objects.get().price_fen == 1


def test_the_shelf_is_changed_for_many_at_once_and_says_how_many_changed():
    products = make_products(3)
    ids = [product.pk for product in products[:2]]
    before = Product.objects.get(pk=ids[0]).updated_at
    assert change_shelf(product_ids=ids, is_on_shelf=False) == 2
    assert change_shelf(product_ids=ids, is_on_shelf=False) == 0
    assert list(Product.objects.filter(is_on_shelf=True)) == products[2:]
    assert Product.objects.get(pk=ids[0]).updated_at > before
    assert change_shelf(product_ids=[*ids, 987_654], is_on_shelf=True) == 2
