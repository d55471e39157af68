"""Assist groups, on the node of who started them; units that are reserved and groups that were started, in `default`.

Who helped is in the judge's own rows (pgs_web.plays.eligibility.models.Help).
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_web.marketing.assist.states import RoundState
from pgs_web.plays.round_models import RoundModel


class Round(RoundModel):
    """An assist group; what it is played by is copied at its start, so that no edit changes it."""

    shard_field = "id"  # made with the slot of its member

    id = models.BigIntegerField(_("assist group"), primary_key=True)
    needed = models.PositiveIntegerField(_("helps needed"))
    help_count = models.PositiveIntegerField(_("helps"), default=0)
    price_fen = models.BigIntegerField(_("assist price (fen)"))
    is_freight = models.BooleanField(_("free, the price is the freight"))
    units = models.PositiveIntegerField(_("units"))
    returns_units = models.BooleanField(_("units that aren't bought come back"))
    # What each helper gets off an order from reward_threshold_fen on, within reward_days; 0: nothing.
    reward_fen = models.BigIntegerField(_("coupon of a helper (fen)"))
    reward_threshold_fen = models.BigIntegerField(_("it is for orders from (fen)"))
    reward_days = models.PositiveIntegerField(_("days that it can be used"))
    # activity_id while a unit of it is reserved or bought, else null: one a member.
    entitled_to = models.BigIntegerField(null=True, editable=False)
    order_id = models.BigIntegerField(_("order"), null=True)
    # When the clock looks at it again, while its unit is reserved.
    look_at = models.DateTimeField(null=True, editable=False)
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in RoundState])

    class Meta:
        db_table = "play_assist_round"
        verbose_name = _("assist group")
        verbose_name_plural = _("assist groups")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "running_in"], name="assist_running"),
            models.UniqueConstraint(fields=["member_id", "campaign_id", "ordinal"], name="assist_ordinal"),
            models.UniqueConstraint(fields=["member_id", "entitled_to"], name="assist_one_unit"),
            models.CheckConstraint(condition=models.Q(help_count__lte=models.F("needed")), name="assist_within_needed"),
        ]
        indexes = [
            models.Index(fields=["state", "ends_at"], name="assist_due"),
            models.Index(fields=["look_at"], name="assist_look_at"),
        ]


class UnitCount(models.Model):
    """How many units of an activity assist groups have reserved or bought, over all campaigns."""

    activity_id = models.BigIntegerField(_("activity"), primary_key=True)
    taken = models.PositiveIntegerField(_("units taken"), default=0)

    class Meta:
        db_table = "play_assist_unit_count"
        verbose_name = _("units of an activity")
        verbose_name_plural = _("units of activities")

    def __str__(self) -> str:
        return str(self.activity_id)


class UnitClaim(models.Model):
    """What became of the unit of one assist group: taken, or given back; a group that was refused one for good has a
    row that was given back from the beginning. So a group takes one unit at most, whoever dies."""

    round_id = models.BigIntegerField(_("assist group"), primary_key=True)
    activity_id = models.BigIntegerField(_("activity"))
    claimed_at = models.DateTimeField(_("taken at"))
    returned_at = models.DateTimeField(_("given back at"), null=True)

    class Meta:
        db_table = "play_assist_unit_claim"
        verbose_name = _("unit of an assist group")
        verbose_name_plural = _("units of assist groups")
        indexes = [models.Index(fields=["activity_id", "returned_at"], name="assist_claims")]

    def __str__(self) -> str:
        return str(self.round_id)


class StartCount(models.Model):
    """How many groups of a campaign were started; what helpers' coupons can cost is a multiple of it."""

    campaign_id = models.BigIntegerField(_("campaign"), primary_key=True)
    started = models.PositiveIntegerField(_("started"), default=0)

    class Meta:
        db_table = "play_assist_start_count"
        verbose_name = _("started assist groups")
        verbose_name_plural = _("started assist groups")

    def __str__(self) -> str:
        return str(self.campaign_id)
