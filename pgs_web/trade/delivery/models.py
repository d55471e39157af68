"""Shipments, on the order's node."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel


class Shipment(ShardedModel):
    shard_field = "order_id"

    order_id = models.BigIntegerField(_("order"), primary_key=True)
    carrier = models.CharField(_("carrier"), max_length=40)
    tracking_no = models.CharField(_("tracking number"), max_length=64, unique=True)
    shipped_at = models.DateTimeField(_("shipped at"))

    class Meta:
        db_table = "trade_shipment"
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        # What merchants are owed for a day.
        indexes = [models.Index(fields=["shipped_at"], name="shipment_shipped_at")]
