"""The stock ledger: what each order did to its activity's stock, on the order's node."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel


class Movement(models.TextChoices):
    RESERVE = "RESERVE", _("remain → lock, at admission")
    CONFIRM = "CONFIRM", _("lock → sold, at payment")
    RELEASE = "RELEASE", _("lock → remain, at cancellation")
    RETURN = "RETURN", _("sold → remain, at refund")
    # Only after a RELEASE: the money came too late, and there was still something to sell.
    RETAKE = "RETAKE", _("remain → sold, at a late payment")


class StockEntry(ShardedModel):
    shard_field = "order_id"

    id = models.BigAutoField(primary_key=True)
    order_id = models.BigIntegerField(_("order"))
    activity_id = models.BigIntegerField(_("activity"))
    movement = models.CharField(_("movement"), max_length=8, choices=Movement.choices)
    quantity = models.PositiveIntegerField(_("quantity"))
    at = models.DateTimeField(_("at"))

    class Meta:
        db_table = "trade_stock_entry"
        verbose_name = _("stock ledger entry")
        verbose_name_plural = _("stock ledger")
        constraints = [models.UniqueConstraint(fields=["order_id", "movement"], name="stock_movement_once")]
