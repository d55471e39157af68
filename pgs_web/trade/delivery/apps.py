from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeliveryConfig(AppConfig):
    name = "pgs_web.trade.delivery"
    label = "delivery"
    verbose_name = _("Shipments")
