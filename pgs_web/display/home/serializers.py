"""The front page as shoppers' clients read it."""

from datetime import UTC
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pgs_web.display.activity.serializers import ActivitySerializer
from pgs_web.display.home.selectors import FrontPage
from pgs_web.display.product.categories import Category
from pgs_web.display.product.serializers import ProductCardSerializer


class CategorySerializer(serializers.Serializer[Category]):
    code = serializers.CharField(source="value")
    title = serializers.CharField(source="label")


class FrontPageSerializer(serializers.Serializer[FrontPage]):
    """Running offers that end first, offers that start first, the newest products, and the shelves."""

    server_time = serializers.DateTimeField(source="moment.now", default_timezone=UTC)
    categories = serializers.SerializerMethodField()
    running = ActivitySerializer(many=True)
    starting_soon = ActivitySerializer(many=True)
    new_products = ProductCardSerializer(many=True)

    @extend_schema_field(CategorySerializer(many=True))
    def get_categories(self, page: FrontPage) -> Any:
        categories: Any = list(Category)
        return CategorySerializer(categories, many=True).data
