from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AfterSaleConfig(AppConfig):
    name = "pgs_web.trade.after_sale"
    label = "after_sale"
    verbose_name = _("After-sale")
