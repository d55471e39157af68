from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AssistConfig(AppConfig):
    name = "pgs_web.marketing.assist"
    label = "play_assist"
    verbose_name = _("Assist group")
