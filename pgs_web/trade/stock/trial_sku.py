"""The SKU that commands sell when none is named; load tests and drills must not touch the catalogue."""

from pgs_web.display.product.models import Merchant, Product, Sku


def get_test_sku(*, price_fen: int) -> Sku:
    """A SKU whose normal price is half as much again as this group price; made when it isn't there."""
    merchant, _ = Merchant.objects.get_or_create(code="test", defaults={"name": "测试商户", "name_en": "Test merchant"})
    product, _ = Product.objects.get_or_create(
        merchant=merchant, code="test", defaults={"title": "测试商品", "title_en": "Test product"}
    )
    # One a price: whoever changed the price of a shared one would change what other activities were checked against.
    sku, _ = Sku.objects.get_or_create(
        code=f"test-{price_fen:d}", defaults={"product": product, "price_fen": price_fen + (price_fen + 1) // 2}
    )
    return sku
