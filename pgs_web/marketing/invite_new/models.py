"""Rounds, who joined them, and their leaders' rewards, on the node of the leader: its group is there, too."""

from typing import Any, Self

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from pgs_data.sharding.models import ShardedModel
from pgs_web.marketing.invite_new.states import RewardKind, RewardState, RoundState
from pgs_web.plays.round_models import SharedModel
from pgs_web.trade.group.models import Group


class Round(SharedModel):
    """A member's invitation: first a pass to open a group, then that group. Its rules are copied at the start."""

    shard_field = "id"  # made with the slot of its member

    id = models.BigIntegerField(_("invitation"), primary_key=True)
    member_id = models.BigIntegerField(_("leader"))
    campaign_id = models.BigIntegerField(_("campaign"))
    rules_version = models.PositiveIntegerField(_("version of the rules"))
    # campaign_id while it is open, null afterwards: one open round a member and campaign.
    running_in = models.BigIntegerField(null=True, editable=False)
    # Counts a member's rounds of a campaign from 1.
    ordinal = models.PositiveIntegerField(_("number"))
    activity_id = models.BigIntegerField(_("activity"))
    title = models.CharField(_("title"), max_length=120)
    group_size = models.PositiveIntegerField(_("group size"))
    new_seats = models.PositiveIntegerField(_("seats for new members"))
    price_fen = models.BigIntegerField(_("group price (fen)"))
    reward_kind = models.CharField(
        _("reward"), max_length=16, choices=[(kind.value, kind.value) for kind in RewardKind]
    )
    # What the coupon takes off, or what goes back; of a free order what it cost at the start.
    reward_fen = models.BigIntegerField(_("reward (fen)"))
    coupon_threshold_fen = models.BigIntegerField(_("coupon from an order of (fen)"))
    coupon_days = models.PositiveIntegerField(_("days of the coupon"))
    # index_device of what it was started from: nobody joins from there.
    initiator_device = models.CharField(max_length=64, editable=False)
    # The Idempotency-Key of the order that opens the group; the pass is for no other.
    opening_key = models.CharField(max_length=64, editable=False)
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in RoundState])
    started_at = models.DateTimeField(_("started at"))
    open_by = models.DateTimeField(_("to be opened by"))
    order_id = models.BigIntegerField(_("order"), null=True)
    group_id = models.BigIntegerField(pgettext_lazy("trade", "group"), null=True, unique=True)
    ends_at = models.DateTimeField(_("ends at"), null=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    # Of its complete group; counted as refunded. Null: none.
    returned_order_ids = models.JSONField(null=True, editable=False)

    class Meta:
        db_table = "play_invite_new_round"
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "running_in"], name="invite_new_running"),
            models.UniqueConstraint(fields=["member_id", "campaign_id", "ordinal"], name="invite_new_ordinal"),
        ]
        indexes = [models.Index(fields=["state", "open_by"], name="invite_new_due")]

    def __str__(self) -> str:
        return str(self.pk)

    @classmethod
    def seen_on(cls, alias: str) -> models.QuerySet[Self]:
        """With the group's deadline as `until`: `ends_at` is that of the opening, an extension moves the group's."""
        deadline = Group.objects.on_node(alias).filter(pk=models.OuterRef("group_id")).values("deadline")
        rows: Any = super().seen_on(alias)
        seen: models.QuerySet[Self] = rows.annotate(until=Coalesce(models.Subquery(deadline), "ends_at"))
        return seen

    @property
    def other_seats(self) -> int:
        """Seats that friends may take who aren't new."""
        return self.group_size - 1 - self.new_seats


class Join(ShardedModel):
    """A friend who may join: judged once, with a pass for each try to order."""

    shard_field = "round_id"

    id = models.BigAutoField(primary_key=True)
    round_id = models.BigIntegerField(_("invitation"))
    member_id = models.BigIntegerField(_("friend"))
    # As judged then; the payment asks again.
    is_new_member = models.BooleanField(_("new member"))
    # Orders that were tried, each under a key of its own.
    tries = models.PositiveIntegerField(_("tries"), default=1)
    pass_until = models.DateTimeField(_("pass until"))
    joined_at = models.DateTimeField(_("joined at"))

    class Meta:
        db_table = "play_invite_new_join"
        verbose_name = _("invited friend")
        verbose_name_plural = _("invited friends")
        constraints = [models.UniqueConstraint(fields=["round_id", "member_id"], name="invite_new_join_once")]

    def __str__(self) -> str:
        return f"{self.member_id} → {self.round_id}"


class Reward(ShardedModel):
    """What a complete group brings its leader; one a round."""

    shard_field = "round_id"

    round_id = models.BigIntegerField(_("invitation"), primary_key=True)
    member_id = models.BigIntegerField(_("leader"))
    group_id = models.BigIntegerField(pgettext_lazy("trade", "group"), unique=True)
    order_id = models.BigIntegerField(_("order"))
    kind = models.CharField(_("kind"), max_length=16, choices=[(kind.value, kind.value) for kind in RewardKind])
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    # Of the whole group: one of them refunded before it left undoes the reward.
    order_ids = models.JSONField(editable=False)
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in RewardState])
    coupon_id = models.BigIntegerField(_("coupon"), null=True)
    request_id = models.BigIntegerField(_("after-sale request"), null=True)
    granted_at = models.DateTimeField(_("granted at"))
    changed_at = models.DateTimeField(_("changed at"))
    # When the job looks at it again; null when it needn't.
    look_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "play_invite_new_reward"
        verbose_name = _("reward of an invitation")
        verbose_name_plural = _("rewards of invitations")
        indexes = [models.Index(fields=["look_at"], name="invite_new_look")]

    def __str__(self) -> str:
        return str(self.pk)
