"""Every version of the payment configuration that ever was; the highest number counts."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ConfigurationVersion(models.Model):
    """Written once, never changed: the next version is a row of its own, so that two editors can't both make it."""

    version = models.PositiveIntegerField(_("version"), primary_key=True)
    # A list of switches in the order in which pages offer the gateways; secrets stay in the environment.
    gateways = models.JSONField(_("gateways"))
    author = models.CharField(_("made by"), max_length=64)
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        db_table = "pay_configuration_version"
        verbose_name = _("version of the payment configuration")
        verbose_name_plural = _("versions of the payment configuration")

    def __str__(self) -> str:
        return str(self.version)
