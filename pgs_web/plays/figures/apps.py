from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FiguresConfig(AppConfig):
    name = "pgs_web.plays.figures"
    label = "play_figures"
    verbose_name = _("Figures of games")
