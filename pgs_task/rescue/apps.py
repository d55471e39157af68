from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RescueConfig(AppConfig):
    name = "pgs_task.rescue"
    label = "rescue"
    verbose_name = _("Rescues")
