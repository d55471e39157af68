"""What a row has that a member started and shares, and what a round of a game with helpers has, whatever the game."""

from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.models import ShardedModel
from pgs_web.trade.coupon.models import LONGEST_TITLE


class SharedModel(ShardedModel):
    """What one member started and shares by a link; a game adds `id`, made with the slot of the `member_id` it has."""

    member_id: Any

    class Meta:
        abstract = True

    @classmethod
    def seen_on(cls, alias: str) -> models.QuerySet[Self]:
        """A node's rows as people see them: with the node's time as `now`, and without what nobody is to see."""
        rows: models.QuerySet[Self] = cls.objects.on_node(alias).annotate(now=DatabaseNow())
        return rows


class RoundModel(SharedModel):
    """A round that one member started and others help with; what it is played by is copied at its start.

    A game adds the constraints that rounds.py relies on: (member, running_in) and (member, campaign, ordinal) are
    unique. The states RUNNING and EXPIRED mean the same in every game.
    """

    member_id = models.BigIntegerField(_("member"))
    campaign_id = models.BigIntegerField(_("campaign"))
    rules_version = models.PositiveIntegerField(_("version of the rules"))
    # campaign_id while it is running, null afterwards: one running round a member and campaign.
    running_in = models.BigIntegerField(null=True, editable=False)
    # Counts a member's rounds of a campaign from 1.
    ordinal = models.PositiveIntegerField(_("number"))
    activity_id = models.BigIntegerField(_("activity"))
    title = models.CharField(_("title"), max_length=LONGEST_TITLE)
    list_price_fen = models.BigIntegerField(_("price before (fen)"))
    pay_seconds = models.PositiveIntegerField(_("time to buy (seconds)"))
    # index_device of what it was started from: nobody helps from there. Empty in rounds from before it was kept.
    initiator_device = models.CharField(max_length=64, default="", db_default="", editable=False)
    state = models.CharField(_("state"), max_length=16)
    started_at = models.DateTimeField(_("started at"))
    ends_at = models.DateTimeField(_("ends at"))
    decided_at = models.DateTimeField(_("decided at"), null=True)
    buy_by = models.DateTimeField(_("to be bought by"), null=True)
    coupon_id = models.BigIntegerField(_("coupon"), null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)
