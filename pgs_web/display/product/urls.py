"""Addresses of the catalogue; `urlpatterns` below /api/v1/, `picture_urlpatterns` below MEDIA_URL."""

from django.urls import path, re_path

from pgs_web.display.product.views import PICTURE_TYPES, ProductsView, ProductView, serve_picture

urlpatterns = [
    path("products/", ProductsView.as_view(), name="products"),
    path("products/<id:product_id>/", ProductView.as_view(), name="product"),
]

picture_urlpatterns = [
    # Neither dots nor slashes in a name: nothing outside this folder can be asked for.
    re_path(
        rf"^products/(?P<name>[A-Za-z0-9_-]{{1,100}})\.(?P<extension>{'|'.join(PICTURE_TYPES)})$",
        serve_picture,
        name="product-picture",
    ),
]
