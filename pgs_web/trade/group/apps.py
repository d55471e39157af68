from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GroupConfig(AppConfig):
    name = "pgs_web.trade.group"
    label = "group"
    verbose_name = _("Groups")
