"""Writing the catalogue."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import DatabaseNow, database_now
from pgs_web.display.product.invoices.catalogue import FoundProduct
from pgs_web.display.product.models import Merchant, Product, Sku

PRODUCTS_A_CHUNK = 500
# A SKU's code is the merchant's and the product's joined by a dash, and has room for 60 characters.
LONGEST_MERCHANT_CODE = 39


@dataclass(slots=True)
class ImportCounts:
    """What became of the products that were found."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


def ensure_merchant(*, code: str, name: str, name_en: str = "") -> Merchant:
    """The merchant of this code, made with these names when there is none; raises ValidationError for a long code."""
    if not 0 < len(code) <= LONGEST_MERCHANT_CODE:
        raise ValidationError(_("A merchant's code has 1 to 39 characters."))
    return Merchant.objects.get_or_create(code=code, defaults={"name": name, "name_en": name_en or name})[0]


def import_products(*, merchant: Merchant, found: Iterable[FoundProduct]) -> ImportCounts:
    """Bring a merchant's products and their one SKU in line with what was found; all or nothing, and repeatable.

    Products that aren't found stay as they are. Four statements a chunk of 500. A second import of the same merchant
    waits for the first one's commit.
    """
    counts = ImportCounts()
    products = iter(found)
    with transaction.atomic():
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        while chunk := list(islice(products, PRODUCTS_A_CHUNK)):
            _import_chunk(merchant, chunk, counts)
    return counts


def save_catalogue_row(*, row: Merchant | Product | Sku) -> None:
    """Check a merchant, product or SKU as a whole and store it; raises ValidationError with the messages by field."""
    row.full_clean()
    row.save()


def change_shelf(*, product_ids: Collection[int], is_on_shelf: bool) -> int:
    """Put products on the shelf or take them off, in one statement; how many changed. Running activities go on."""
    products = Product.objects.filter(pk__in=product_ids).exclude(is_on_shelf=is_on_shelf)
    return products.update(is_on_shelf=is_on_shelf, updated_at=DatabaseNow())


def sku_code(merchant: Merchant, product_code: str) -> str:
    """The code of the only SKU of an imported product."""
    return f"{merchant.code}-{product_code}"


def _import_chunk(merchant: Merchant, chunk: Sequence[FoundProduct], counts: ImportCounts) -> None:
    codes = [one.code for one in chunk]
    products = {product.code: product for product in Product.objects.filter(merchant=merchant, code__in=codes)}
    fresh = [one for one in chunk if one.code not in products]
    Product.objects.bulk_create(
        Product(merchant=merchant, code=one.code, title=one.title, title_en=one.title) for one in fresh
    )
    if fresh:
        # Not every database hands ids of a bulk insert back.
        created = Product.objects.filter(merchant=merchant, code__in=[one.code for one in fresh])
        products.update({product.code: product for product in created})
    skus = {sku.code: sku for sku in Sku.objects.filter(code__in=[sku_code(merchant, code) for code in codes])}
    _write_differences(merchant, chunk, products, skus, counts, fresh_codes={one.code for one in fresh})


def _write_differences(
    merchant: Merchant,
    chunk: Sequence[FoundProduct],
    products: dict[str, Product],
    skus: dict[str, Sku],
    counts: ImportCounts,
    *,
    fresh_codes: set[str],
) -> None:
    new_skus, other_prices, other_titles = [], [], []
    for one in chunk:
        product, code = products[one.code], sku_code(merchant, one.code)
        sku = skus.get(code)
        is_other_title = product.title != one.title or product.title_en != one.title
        if is_other_title:
            product.title = product.title_en = one.title
            other_titles.append(product)
        if sku is None:
            new_skus.append(Sku(product=product, code=code, price_fen=one.price_fen))
        elif sku.price_fen != one.price_fen:
            sku.price_fen = one.price_fen
            other_prices.append(sku)
        is_changed = is_other_title or sku is None or sku in other_prices[-1:]
        if one.code in fresh_codes:
            counts.created += 1
        elif is_changed:
            counts.updated += 1
        else:
            counts.unchanged += 1
    now = database_now("default")
    for product in other_titles:
        product.updated_at = now
    Sku.objects.bulk_create(new_skus)
    Sku.objects.bulk_update(other_prices, ["price_fen"])
    Product.objects.bulk_update(other_titles, ["title", "title_en", "updated_at"])
