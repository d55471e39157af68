"""Puts the demo catalogue into the shop, pictures included; again changes nothing."""

import hashlib
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from pgs_data.clock import database_now
from pgs_web.display.product.demo.reading import DemoCatalogue, DemoProduct, read_demo_catalogue
from pgs_web.display.product.drawings.gallery import draw_picture
from pgs_web.display.product.models import Merchant, Product, Sku

PRODUCT_FIELDS = ("category", "title", "title_en", "description", "description_en", "picture")
SKU_FIELDS = ("title", "title_en", "price_fen", "physical_stock")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """How many merchants, products and SKUs the shop holds of the demo's, and how many pictures were drawn now."""

    merchants: int
    products: int
    skus: int
    pictures_drawn: int


def load_demo_catalogue() -> LoadReport:
    """Make every merchant, product and SKU of catalogue.toml as it says; one transaction, a handful of statements."""
    catalogue = read_demo_catalogue()
    # Files first: a product never names a picture that isn't there; one drawn in vain is found by the next run.
    names = {product.code: picture_name(product) for product in catalogue.products}
    drawn = sum(store_picture(product, names[product.code]) for product in catalogue.products)
    with transaction.atomic():
        merchants = _load_merchants(catalogue)
        products = _load_products(catalogue, merchants, names)
        skus = _load_skus(catalogue, products)
    return LoadReport(len(merchants), len(products), skus, drawn)


def picture_name(product: DemoProduct) -> str:
    """Where the product's picture is stored: its code and a digest of what is drawn."""
    digest = hashlib.sha256(_draw(product)).hexdigest()[:12]
    return f"products/{product.code}-{digest}.svg"


def store_picture(product: DemoProduct, name: str) -> bool:
    """Draw the picture into the media storage; False when it is there."""
    if default_storage.exists(name):
        return False
    default_storage.save(name, ContentFile(_draw(product)))
    return True


def _draw(product: DemoProduct) -> bytes:
    return draw_picture(product.category, product.drawing, title=product.title_en).encode()


def _load_merchants(catalogue: DemoCatalogue) -> dict[str, Merchant]:
    Merchant.objects.bulk_create(
        (Merchant(code=code, name=name, name_en=name_en) for code, (name, name_en) in catalogue.merchants.items()),
        ignore_conflicts=True,
    )
    return {merchant.code: merchant for merchant in Merchant.objects.filter(code__in=catalogue.merchants)}


def _load_products(
    catalogue: DemoCatalogue, merchants: dict[str, Merchant], names: dict[str, str]
) -> dict[str, Product]:
    owners = list(merchants.values())
    codes = [product.code for product in catalogue.products]
    Product.objects.bulk_create(
        (
            Product(merchant=merchants[product.merchant], code=product.code, title=product.title)
            for product in catalogue.products
        ),
        ignore_conflicts=True,
    )
    stored = {product.code: product for product in Product.objects.filter(merchant__in=owners, code__in=codes)}
    now = database_now("default")
    changed = []
    for wanted in catalogue.products:
        product = stored[wanted.code]
        values = {name: getattr(wanted, name) for name in PRODUCT_FIELDS[:-1]} | {"picture": names[wanted.code]}
        if any(str(getattr(product, name)) != str(value) for name, value in values.items()):
            for name, value in values.items():
                setattr(product, name, value)
            product.updated_at = now
            changed.append(product)
    Product.objects.bulk_update(changed, [*PRODUCT_FIELDS, "updated_at"])
    return stored


def _load_skus(catalogue: DemoCatalogue, products: dict[str, Product]) -> int:
    wanted = {sku.code: (product.code, sku) for product in catalogue.products for sku in product.skus}
    Sku.objects.bulk_create(
        (
            Sku(code=code, product=products[product_code], price_fen=sku.price_fen)
            for code, (product_code, sku) in wanted.items()
        ),
        ignore_conflicts=True,
    )
    changed = []
    stored = list(Sku.objects.filter(code__in=wanted))
    for row in stored:
        _product_code, sku = wanted[row.code]
        if any(getattr(row, name) != getattr(sku, name) for name in SKU_FIELDS):
            for name in SKU_FIELDS:
                setattr(row, name, getattr(sku, name))
            changed.append(row)
    Sku.objects.bulk_update(changed, SKU_FIELDS)
    return len(stored)
