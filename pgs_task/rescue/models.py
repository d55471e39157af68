"""Rescues: a paid order without a place looks for another one, as its shopper wished; one row a loss."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel
from pgs_task.rescue.states import RescueCause, RescueState


class Rescue(ShardedModel):
    """On its order's node, beside order and payment: what is decided about them is one transaction."""

    shard_field = "order_id"

    id = models.BigAutoField(primary_key=True)
    order_id = models.BigIntegerField(_("order"))
    cause = models.CharField(_("cause"), max_length=16, choices=[(cause.value, cause.value) for cause in RescueCause])
    # The late payment, or the group that came to nothing: the same loss, told twice, is one rescue.
    reference = models.BigIntegerField(_("payment or group"))
    # What the shopper had wished for in this case.
    wish = models.CharField(_("wish"), max_length=16, blank=True, default="", db_default="")
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in RescueState])
    # Why the order got no other place, or which one it got.
    outcome = models.CharField(_("outcome"), max_length=32, blank=True)
    # Of who wished to buy alone; null before it is known.
    surcharge_fen = models.BigIntegerField(_("surcharge (fen)"), null=True)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(_("next try at"))
    decide_by = models.DateTimeField(_("decided by"))
    created_at = models.DateTimeField(_("created at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        db_table = "rescue"
        verbose_name = _("rescue")
        verbose_name_plural = _("rescues")
        constraints = [
            models.UniqueConstraint(fields=["order_id", "cause", "reference"], name="rescue_once_a_loss"),
        ]
        indexes = [models.Index(fields=["state", "next_try_at"], name="rescue_state_next_try")]

    def __str__(self) -> str:
        return f"{self.cause} {self.order_id}"
