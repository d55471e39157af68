from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PlayMessagesConfig(AppConfig):
    name = "pgs_task.play_messages"
    label = "play_messages"
    verbose_name = _("Messages of games")
