"""What operators say about games, in `default`: which of them drain, and campaigns with every version of rules."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class PlaySwitch(models.Model):
    """One row a game that was ever switched; a game without one is open. `version` counts the changes."""

    code = models.CharField(_("game"), max_length=31, primary_key=True)
    is_draining = models.BooleanField(_("draining"), default=False)
    version = models.PositiveIntegerField(_("version"), default=0)
    changed_at = models.DateTimeField(_("changed at"))
    changed_by = models.CharField(_("changed by"), max_length=80)
    reason = models.CharField(_("reason"), max_length=200)

    class Meta:
        db_table = "play_switch"
        verbose_name = _("switch of a game")
        verbose_name_plural = _("switches of games")

    def __str__(self) -> str:
        return self.code


class Campaign(models.Model):
    """What a game is played by, from when an operator made it until it is closed; `version` is that of its rules."""

    code = models.CharField(_("game"), max_length=31)
    title = models.CharField(_("title"), max_length=80)
    version = models.PositiveIntegerField(_("version"), default=1)
    created_at = models.DateTimeField(_("created at"))
    # Set once; nothing new starts from then on.
    closed_at = models.DateTimeField(_("closed at"), null=True)
    # When the last row of its helps was deleted (forgetting.py).
    helps_forgotten_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "play_campaign"
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        indexes = [models.Index(fields=["code", "-id"], name="play_campaign_of_code")]

    def __str__(self) -> str:
        return self.title


class CampaignRules(models.Model):
    """One version of a campaign's rules, written once and never changed: what was started under it lives by it."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(_("version"))
    rules = models.JSONField(_("rules"))
    author = models.CharField(_("made by"), max_length=80)
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        db_table = "play_campaign_rules"
        verbose_name = _("version of a campaign's rules")
        verbose_name_plural = _("versions of campaigns' rules")
        constraints = [models.UniqueConstraint(fields=["campaign", "version"], name="play_rules_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.version}"
