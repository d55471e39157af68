"""What each merchant is owed of a day; in `default`, computed from the journal, orders and shipments of all nodes."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SettlementDay(models.Model):
    """A day of Asia/Shanghai whose report was computed; its rows are computed anew together."""

    day = models.DateField(_("day"), primary_key=True)
    # On the database's clock, when the computation began.
    computed_at = models.DateTimeField(_("computed at"))

    class Meta:
        db_table = "settlement_day"
        verbose_name = _("settlement day")
        verbose_name_plural = _("settlement days")

    def __str__(self) -> str:
        return str(self.day)


class MerchantDay(models.Model):
    """One merchant's day. What was paid, refunded and kept is the day's; what is settled is of goods that left."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField(_("day"))
    merchant_id = models.BigIntegerField(_("merchant"))
    paid_count = models.PositiveIntegerField(_("orders paid"), default=0)
    paid_fen = models.BigIntegerField(_("paid (fen)"), default=0)
    refund_count = models.PositiveIntegerField(_("refund count"), default=0)
    refunded_fen = models.BigIntegerField(_("refunded (fen)"), default=0)
    # What gateways kept of the day's payments, less what they gave back with its refunds.
    fee_fen = models.BigIntegerField(_("fees (fen)"), default=0)
    shipped_count = models.PositiveIntegerField(_("orders shipped"), default=0)
    # Of the orders that were shipped this day: paid − refunded − fees, up to its end.
    earned_fen = models.BigIntegerField(_("earned (fen)"), default=0)
    # Of orders that were shipped before: refunds of this day, less the fees that came back with them.
    taken_back_fen = models.BigIntegerField(_("taken back (fen)"), default=0)
    # earned − taken back: what the merchant is paid for this day; below zero he owes it.
    settlement_fen = models.BigIntegerField(_("settlement (fen)"), default=0)

    class Meta:
        db_table = "settlement_merchant_day"
        verbose_name = _("merchant's day")
        verbose_name_plural = _("merchants' days")
        constraints = [models.UniqueConstraint(fields=["day", "merchant_id"], name="settlement_merchant_once")]

    def __str__(self) -> str:
        return f"{self.merchant_id} {self.day}"
