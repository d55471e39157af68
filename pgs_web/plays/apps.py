from importlib import import_module

from django.apps import AppConfig
from django.core.checks import register
from django.utils.translation import gettext_lazy as _


class PlaysConfig(AppConfig):
    name = "pgs_web.plays"
    label = "plays"
    verbose_name = _("Games")

    def ready(self) -> None:
        # Loads games, whose models can't be imported before all apps are there.
        register(import_module("pgs_web.plays.checks").check_plays)
