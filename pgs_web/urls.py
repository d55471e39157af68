"""The shoppers' API, version 1: one line a room."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from pgs_web.api.schema_view import SchemaView

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("", include("pgs_web.member.urls")),
    path("", include("pgs_web.display.product.urls")),
    path("", include("pgs_web.display.activity.urls")),
    path("", include("pgs_web.display.home.urls")),
    path("", include("pgs_web.trade.coupon.urls")),
    path("", include("pgs_web.trade.intake.urls")),
    path("", include("pgs_web.trade.order.urls")),
    path("", include("pgs_web.trade.after_sale.urls")),
    path("", include("pgs_web.trade.group.urls")),
]
