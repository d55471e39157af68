"""The catalogue over HTTP, and the pictures where no web server in front of us serves them."""

from typing import Any

from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.pagination import PageCursor
from pgs_web.display.product.models import Product
from pgs_web.display.product.selectors import get_product, list_products
from pgs_web.display.product.serializers import ProductCardSerializer, ProductQuery, ProductSerializer

PICTURE_TYPES = {"svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


class ProductsView(ListAPIView[Product]):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    pagination_class = PageCursor
    filter_backends = ()
    serializer_class = ProductCardSerializer

    @extend_schema(operation_id="products_list", summary="Browse the catalogue", parameters=[ProductQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Products on the shelf, the newest first."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Product]:
        query = ProductQuery(data=self.request.query_params.dict())
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        return list_products(
            search=wanted.get("search", ""),
            category=wanted.get("category", ""),
            merchant_id=wanted.get("merchant"),
        )


class ProductView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="products_read", summary="Read a product", responses={200: ProductSerializer})
    def get(self, request: Request, product_id: int) -> Response:
        """One product with its variants."""
        return Response(ProductSerializer(get_product(product_id)).data)


def serve_picture(request: HttpRequest, name: str, extension: str) -> HttpResponseBase:
    """A stored picture that can't run anything in the browser, whatever is in the file."""
    try:
        file = default_storage.open(f"products/{name}.{extension}")
    except FileNotFoundError as error:
        raise Http404("no such picture") from error
    response = FileResponse(file, content_type=PICTURE_TYPES[extension])
    # Names carry a digest of the content: what was served once never changes.
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    # Opened as a page of its own, an SVG could run scripts on our origin: this forbids it everything but its styles.
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return response
