"""Every address of the house; the rooms own what lies below theirs."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path
from django_prometheus.exports import ExportToDjangoView

from config.health import show_liveness, show_readiness

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", show_liveness, name="liveness"),
    path("readyz", show_readiness, name="readiness"),
    path("metrics", ExportToDjangoView, name="metrics"),
    path("admin/", admin.site.urls),
]
