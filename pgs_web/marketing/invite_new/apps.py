from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InviteNewConfig(AppConfig):
    name = "pgs_web.marketing.invite_new"
    label = "play_invite_new"
    verbose_name = _("Invite-new group")
