"""Reads of the catalogue that shoppers may see."""

from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Lower

from pgs_web.api.errors import NotFound
from pgs_web.display.product.models import Product, Sku


def list_products(*, search: str = "", category: str = "", merchant_id: int | None = None) -> QuerySet[Product]:
    """Products on the shelf with merchant and SKUs, two queries a page whatever its size; search ignores case."""
    products = Product.objects.filter(is_on_shelf=True, merchant__is_open=True).select_related("merchant")
    if category:
        products = products.filter(category=category)
    if merchant_id is not None:
        products = products.filter(merchant_id=merchant_id)
    if search:
        # LOWER on both sides: a binary collation compares case too.
        wanted = search.lower()
        products = products.alias(low_title=Lower("title"), low_title_en=Lower("title_en")).filter(
            Q(low_title__contains=wanted) | Q(low_title_en__contains=wanted) | Q(code=search)
        )
    skus = Sku.objects.filter(is_on_shelf=True).order_by("price_fen", "id")
    return products.prefetch_related(Prefetch("skus", queryset=skus, to_attr="offered_skus"))


def get_product(product_id: int) -> Product:
    """One product on the shelf with merchant and SKUs; raises NotFound."""
    product = list_products().filter(pk=product_id).first()
    if product is None:
        raise NotFound()
    return product
