"""Packets and their helps on the node of the member who opened them; each campaign's figures in `default`."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel
from pgs_web.marketing.red_packet.ladders import Growth, make_ladder
from pgs_web.marketing.red_packet.states import HIDDEN, PacketState
from pgs_web.plays.round_models import SharedModel


class Packet(SharedModel):
    """A red packet; what it is played by is copied at its start, so that no edit changes it."""

    shard_field = "id"  # made with the slot of its member

    id = models.BigIntegerField(_("red packet"), primary_key=True)
    member_id = models.BigIntegerField(_("member"))
    campaign_id = models.BigIntegerField(_("campaign"))
    rules_version = models.PositiveIntegerField(_("version of the rules"))
    # campaign_id until it has ended, null afterwards: one open packet a member and campaign.
    running_in = models.BigIntegerField(null=True, editable=False)
    # Counts a member's packets of a campaign from 1.
    ordinal = models.PositiveIntegerField(_("number"))
    title = models.CharField(_("title"), max_length=80)
    face_fen = models.BigIntegerField(_("face value (fen)"))
    cap_fen = models.BigIntegerField(_("grows to at most (fen)"))
    # See ladders.py: either rungs, or raises between two bounds.
    rungs = models.CharField(_("rungs"), max_length=400, blank=True)
    most_helps = models.PositiveIntegerField(_("raises at most"), default=0)
    least_fen = models.BigIntegerField(_("smallest raise (fen)"), default=0)
    most_fen = models.BigIntegerField(_("largest raise (fen)"), default=0)
    seed = models.CharField(max_length=64)
    commitment = models.CharField(_("SHA-256 of the seed"), max_length=64)
    # Reserved from the start, whatever it has grown to.
    base_fen = models.BigIntegerField(_("reserved from the start (fen)"))
    steps = models.PositiveIntegerField(_("helps at most"))
    # index_device of what it was opened from: nobody helps from there.
    initiator_device = models.CharField(max_length=64, editable=False)
    # What the ledger's copy is called: helps that were counted under another mark are not written.
    mark = models.CharField(max_length=32, editable=False)
    help_count = models.PositiveIntegerField(_("helps"), default=0)
    value_fen = models.BigIntegerField(_("worth (fen)"))
    # Of the coupon that it becomes.
    threshold_fen = models.BigIntegerField(_("from an order of (fen)"))
    product_id = models.BigIntegerField(_("product"), null=True)
    activity_id = models.BigIntegerField(_("activity"), null=True)
    coupon_seconds = models.PositiveIntegerField(_("time to use it (seconds)"))
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in PacketState])
    started_at = models.DateTimeField(_("started at"))
    ends_at = models.DateTimeField(_("ends at"))
    decided_at = models.DateTimeField(_("decided at"), null=True)
    coupon_id = models.BigIntegerField(_("coupon"), null=True)
    # Since when the ledger knows that it has ended.
    settled_at = models.DateTimeField(_("settled at"), null=True)

    class Meta:
        db_table = "play_red_packet"
        verbose_name = _("red packet")
        verbose_name_plural = _("red packets")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "running_in"], name="red_packet_running"),
            models.UniqueConstraint(fields=["member_id", "campaign_id", "ordinal"], name="red_packet_ordinal"),
            models.CheckConstraint(
                condition=models.Q(help_count__lte=models.F("steps")), name="red_packet_within_steps"
            ),
            models.CheckConstraint(
                condition=models.Q(value_fen__lte=models.F("cap_fen")), name="red_packet_within_cap"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "ends_at"], name="red_packet_due"),
            models.Index(fields=["settled_at", "state"], name="red_packet_unsettled"),
            models.Index(fields=["campaign_id", "state", "id"], name="red_packet_of_campaign"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @classmethod
    def seen_on(cls, alias: str) -> models.QuerySet[Self]:
        """Those that are open, or were."""
        return super().seen_on(alias).exclude(state__in=HIDDEN)

    @property
    def reserved_fen(self) -> int:
        """What the envelope has to hold for it."""
        match PacketState(self.state):
            case PacketState.RUNNING:
                return max(self.base_fen, self.value_fen)
            case PacketState.REDEEMED:
                return self.value_fen
            case _:
                return 0

    def ladder(self) -> list[int]:
        """What it is worth after 0, 1, 2 … helps, fen; costs a hash a help."""
        growth = Growth(
            face_fen=self.face_fen,
            cap_fen=self.cap_fen,
            rungs=self.rungs,
            helps=self.most_helps,
            least_fen=self.least_fen,
            most_fen=self.most_fen,
        )
        return make_ladder(growth, seed=self.seed)


class PacketHelp(ShardedModel):
    """One help of a packet: its `step` counts from 1."""

    shard_field = "packet_id"

    id = models.BigAutoField(primary_key=True)
    packet_id = models.BigIntegerField(_("red packet"))
    helper_id = models.BigIntegerField(_("helper"))
    step = models.PositiveIntegerField(_("number"))
    added_fen = models.BigIntegerField(_("grown by (fen)"))
    helped_at = models.DateTimeField(_("helped at"))

    class Meta:
        db_table = "play_red_packet_help"
        verbose_name = _("help of a red packet")
        verbose_name_plural = _("helps of red packets")
        constraints = [
            models.UniqueConstraint(fields=["packet_id", "helper_id"], name="red_packet_help_once"),
            models.UniqueConstraint(fields=["packet_id", "step"], name="red_packet_step_once"),
        ]

    def __str__(self) -> str:
        return f"{self.helper_id} → {self.packet_id}"


class Envelope(models.Model):
    """What became of a campaign's money, counted from the rows of all nodes at `counted_at`; for finance to look at.

    Nothing is judged by it: the ledger does that.
    """

    campaign_id = models.BigIntegerField(_("campaign"), primary_key=True)
    title = models.CharField(_("title"), max_length=80)
    budget_fen = models.BigIntegerField(_("budget (fen)"))
    running = models.PositiveIntegerField(_("running"), default=0)
    # Reserved for packets that run.
    committed_fen = models.BigIntegerField(_("committed (fen)"), default=0)
    redeemed = models.PositiveIntegerField(_("redeemed"), default=0)
    redeemed_fen = models.BigIntegerField(_("redeemed (fen)"), default=0)
    expired = models.PositiveIntegerField(_("expired"), default=0)
    # What they were worth; the envelope has it back.
    expired_fen = models.BigIntegerField(_("expired (fen)"), default=0)
    # Of what was redeemed.
    coupons_used_fen = models.BigIntegerField(_("coupons used (fen)"), default=0)
    coupons_expired_fen = models.BigIntegerField(_("coupons expired unused (fen)"), default=0)
    left_fen = models.BigIntegerField(_("left (fen)"), default=0)
    opened_at = models.DateTimeField(_("opened at"))
    counted_at = models.DateTimeField(_("counted at"), null=True)
    # When it is to be counted again.
    due_at = models.DateTimeField(editable=False)

    class Meta:
        db_table = "play_red_packet_envelope"
        verbose_name = _("envelope of red packets")
        verbose_name_plural = _("envelopes of red packets")
        indexes = [models.Index(fields=["due_at"], name="red_packet_count_due")]

    def __str__(self) -> str:
        return self.title
