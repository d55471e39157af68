from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RedPacketConfig(AppConfig):
    name = "pgs_web.marketing.red_packet"
    label = "play_red_packet"
    verbose_name = _("Red packet")
