from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProductConfig(AppConfig):
    name = "pgs_web.display.product"
    label = "product"
    verbose_name = _("Products")
