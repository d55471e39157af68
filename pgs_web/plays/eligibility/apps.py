from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EligibilityConfig(AppConfig):
    name = "pgs_web.plays.eligibility"
    label = "play_eligibility"
    verbose_name = _("Helps in games")
