from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BargainConfig(AppConfig):
    name = "pgs_web.marketing.bargain"
    label = "play_bargain"
    verbose_name = _("Bargain")
