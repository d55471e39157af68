"""Money that a gateway says it took and that pays nothing here: recorded once a trade, and traced."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel
from pgs_task.payment.anomalies.states import AnomalyKind, AnomalyState


class Anomaly(ShardedModel):
    shard_field = "id"  # made with the slot of its payment, or of the id that the notice named

    id = models.BigIntegerField(_("anomaly"), primary_key=True)
    payment_id = models.BigIntegerField(_("payment"), db_index=True)
    # Null when there is no such payment.
    order_id = models.BigIntegerField(_("order"), null=True)
    gateway = models.CharField(_("gateway"), max_length=16)
    kind = models.CharField(_("kind"), max_length=16, choices=[(kind.value, kind.value) for kind in AnomalyKind])
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in AnomalyState])
    trade_no = models.CharField(_("gateway's trade number"), max_length=64)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=16)
    # As the gateway says; what it took it for is in its statement under this day.
    paid_at = models.DateTimeField(_("paid at"))
    raw = models.TextField(_("raw text"))
    # Of the refund that sends it back.
    refund_no = models.CharField(_("refund number"), max_length=64, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next try at"))
    created_at = models.DateTimeField(_("created at"))
    settled_at = models.DateTimeField(_("settled at"), null=True)

    class Meta:
        db_table = "pay_anomaly"
        verbose_name = _("payment anomaly")
        verbose_name_plural = _("payment anomalies")
        constraints = [
            models.UniqueConstraint(fields=["payment_id", "gateway", "trade_no", "kind"], name="anomaly_once_a_trade")
        ]
        indexes = [models.Index(fields=["state", "next_try_at"], name="anomaly_state_next_try")]

    def __str__(self) -> str:
        return self.trade_no
