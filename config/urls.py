"""Every address of the house but the probes (config/health.py); the rooms own what lies below theirs."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from pgs_web.display.product.urls import picture_urlpatterns

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("pgs_web.urls")),
    path("api/v1/", include("pgs_task.payment.urls")),
    path("api/v1/", include("pgs_web.plays.urls")),
    path("g/", include("pgs_web.plays.page_urls")),
    path("sandbox-gateway/", include("pgs_task.payment.sandbox_gateway.urls")),
    path("media/", include(picture_urlpatterns)),
    path("admin/i18n/", include("django.conf.urls.i18n")),
    path("admin/", include("pgs_admin.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "pgs_web.api.handlers.bad_request"
handler403 = "pgs_web.api.handlers.permission_denied"
handler404 = "pgs_web.api.handlers.page_not_found"
handler500 = "pgs_web.api.handlers.server_error"
