"""The demo catalogue as values, read from catalogue.toml; a mistake in it is told with the product's code."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pgs_web.display.product.categories import Category

CATALOGUE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True, slots=True)
class DemoSku:
    code: str
    title: str
    title_en: str
    price_fen: int
    physical_stock: int


@dataclass(frozen=True, slots=True)
class DemoProduct:
    code: str
    merchant: str
    category: Category
    drawing: str
    title: str
    title_en: str
    description: str
    description_en: str
    skus: tuple[DemoSku, ...]


@dataclass(frozen=True, slots=True)
class DemoCatalogue:
    """`merchants` is code → (Chinese name, English name)."""

    merchants: dict[str, tuple[str, str]]
    products: tuple[DemoProduct, ...]


def read_demo_catalogue(path: Path = CATALOGUE) -> DemoCatalogue:
    """Every merchant and product of the file; raises ValueError that names the product with the mistake."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    merchants = {code: (names[0], names[1]) for code, names in content["merchants"].items()}
    products = []
    for entry in content["product"]:
        try:
            product = _read_product(entry)
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(f"product {entry.get('code')!r} in {path.name}: {error!r}") from error
        if product.merchant not in merchants:
            raise ValueError(f"product {product.code!r} in {path.name} names an unknown merchant")
        products.append(product)
    return DemoCatalogue(merchants, tuple(products))


def _read_product(entry: dict[str, object]) -> DemoProduct:
    texts = {
        name: str(entry[name]) for name in ("code", "merchant", "title", "title_en", "description", "description_en")
    }
    skus: list[list[object]] = entry["skus"]  # type: ignore[assignment]
    return DemoProduct(
        category=Category(str(entry["category"])),
        drawing=str(entry.get("drawing", entry["code"])),
        skus=tuple(
            DemoSku(f"{texts['code']}-{code}", str(title), str(title_en), int(str(price)), int(str(units)))
            for code, title, title_en, price, units in skus
        ),
        **texts,
    )
