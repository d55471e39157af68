"""Products as shoppers' clients read them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.display.product.categories import Category
from pgs_web.display.product.language import choose_text
from pgs_web.display.product.models import Merchant, Product, Sku

LONGEST_SEARCH = 60


class ProductQuery(serializers.Serializer[Any]):
    """What `GET /products/` may be asked."""

    search = serializers.CharField(
        required=False, allow_blank=True, max_length=LONGEST_SEARCH, help_text=_("Part of a title, or a whole code.")
    )
    category = serializers.ChoiceField(required=False, choices=Category.values, help_text=_("A shelf of the shop."))
    merchant = IdField(required=False, help_text=_("Products of this merchant's id."))


class MerchantSerializer(serializers.Serializer[Merchant]):
    id = IdField(source="pk")
    name = serializers.SerializerMethodField()

    def get_name(self, merchant: Merchant) -> str:
        return choose_text(merchant.name, merchant.name_en)


class SkuSerializer(serializers.Serializer[Sku]):
    id = IdField(source="pk")
    code = serializers.CharField()
    title = serializers.SerializerMethodField()
    price_fen = serializers.IntegerField()

    def get_title(self, sku: Sku) -> str:
        return choose_text(sku.title, sku.title_en)


class ProductCardSerializer(serializers.Serializer[Product]):
    """What a list shows of a product; `price_fen` is that of its cheapest variant, null when it has none."""

    id = IdField(source="pk")
    code = serializers.CharField()
    category = serializers.ChoiceField(choices=Category.values)
    title = serializers.SerializerMethodField()
    picture_url = serializers.SerializerMethodField()
    price_fen = serializers.SerializerMethodField()
    merchant = MerchantSerializer()

    def get_title(self, product: Product) -> str:
        return choose_text(product.title, product.title_en)

    @extend_schema_field({"type": "string", "format": "uri-reference", "nullable": True})
    def get_picture_url(self, product: Product) -> str | None:
        return picture_url(product)

    def get_price_fen(self, product: Product) -> int | None:
        skus: list[Sku] = product.offered_skus  # type: ignore[attr-defined]
        return skus[0].price_fen if skus else None


class ProductSerializer(ProductCardSerializer):
    """A product's page."""

    description = serializers.SerializerMethodField()
    skus = SkuSerializer(many=True, source="offered_skus")

    def get_description(self, product: Product) -> str:
        return choose_text(product.description, product.description_en)


def picture_url(product: Product) -> str | None:
    """Where the product's picture is, below this host; None when it has none."""
    return product.picture.url if product.picture else None
