from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PurchasesConfig(AppConfig):
    name = "pgs_web.plays.purchases"
    label = "play_purchases"
    verbose_name = _("Purchases through games")
