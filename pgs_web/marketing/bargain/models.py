"""Bargains and who helped, on the node of the member who started them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel
from pgs_web.marketing.bargain.schedule import make_cuts
from pgs_web.marketing.bargain.states import RoundState
from pgs_web.plays.round_models import RoundModel


class Round(RoundModel):
    """A bargain; what it is played by is copied at its start, so that no edit changes it."""

    shard_field = "id"  # made with the slot of its member

    id = models.BigIntegerField(_("bargain"), primary_key=True)
    floor_price_fen = models.BigIntegerField(_("lowest price (fen)"))
    cuts = models.PositiveIntegerField(_("cuts"))
    min_cut_fen = models.BigIntegerField(_("smallest cut (fen)"))
    new_member_cuts = models.PositiveIntegerField(_("cuts of a new member"))
    may_buy_early = models.BooleanField(_("can be bought at any price"))
    seed = models.CharField(max_length=64)
    commitment = models.CharField(_("SHA-256 of the seed"), max_length=64)
    cut_count = models.PositiveIntegerField(_("cuts made"), default=0)
    cut_fen = models.BigIntegerField(_("cut so far (fen)"), default=0)
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in RoundState])

    class Meta:
        db_table = "play_bargain_round"
        verbose_name = _("bargain")
        verbose_name_plural = _("bargains")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "running_in"], name="bargain_running"),
            models.UniqueConstraint(fields=["member_id", "campaign_id", "ordinal"], name="bargain_ordinal"),
            models.CheckConstraint(condition=models.Q(cut_count__lte=models.F("cuts")), name="bargain_within_cuts"),
            models.CheckConstraint(
                condition=models.Q(cut_fen__lte=models.F("list_price_fen") - models.F("floor_price_fen")),
                name="bargain_above_floor",
            ),
        ]
        indexes = [models.Index(fields=["state", "ends_at"], name="bargain_due")]

    @property
    def gap_fen(self) -> int:
        """What all cuts together take off."""
        return self.list_price_fen - self.floor_price_fen

    def schedule(self) -> list[int]:
        """What each cut takes off; costs a hash a cut."""
        return make_cuts(seed=self.seed, gap_fen=self.gap_fen, cuts=self.cuts, min_cut_fen=self.min_cut_fen)


class Cutting(ShardedModel):
    """One helper's cuts: those from `first_cut` on, counted from 0."""

    shard_field = "round_id"

    id = models.BigAutoField(primary_key=True)
    round_id = models.BigIntegerField(_("bargain"))
    helper_id = models.BigIntegerField(_("helper"))
    first_cut = models.PositiveIntegerField()
    cuts = models.PositiveIntegerField(_("cuts"))
    cut_fen = models.BigIntegerField(_("cut (fen)"))
    is_new_member = models.BooleanField(_("new member"))
    helped_at = models.DateTimeField(_("helped at"))

    class Meta:
        db_table = "play_bargain_cutting"
        verbose_name = _("cutting")
        verbose_name_plural = _("cuttings")
        constraints = [
            models.UniqueConstraint(fields=["round_id", "helper_id"], name="bargain_help_once"),
            models.UniqueConstraint(fields=["round_id", "first_cut"], name="bargain_cut_once"),
        ]

    def __str__(self) -> str:
        return f"{self.helper_id} → {self.round_id}"
