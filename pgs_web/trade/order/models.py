"""Orders and the log of their states; all rows of an order live on the node that its id names."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from pgs_data.sharding.models import ShardedModel
from pgs_web.trade.order.queue import QueuePlace
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.order.wishes import Wishes


class OrderMode(models.TextChoices):
    GROUP = "group", _("in a group")
    ALONE = "alone", _("alone")


class Order(ShardedModel):
    shard_field = "id"

    id = models.BigIntegerField(_("order"), primary_key=True)
    member_id = models.BigIntegerField(_("member"))
    activity_id = models.BigIntegerField(_("activity"))
    sku_id = models.BigIntegerField(_("SKU"))
    merchant_id = models.BigIntegerField(_("merchant"))
    group_id = models.BigIntegerField(pgettext_lazy("trade", "group"), null=True)
    mode = models.CharField(_("mode"), max_length=8, choices=OrderMode.choices)
    quantity = models.PositiveIntegerField(_("quantity"))
    unit_price_fen = models.BigIntegerField(_("unit price (fen)"))
    discount_fen = models.BigIntegerField(_("discount (fen)"), default=0)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    address_id = models.BigIntegerField(_("address"))
    idempotency_key = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in OrderState])
    reason = models.CharField(_("reason"), max_length=32, blank=True)
    log_count = models.PositiveSmallIntegerField(default=1)
    accepted_at = models.DateTimeField(_("accepted at"))
    pay_by = models.DateTimeField(_("pay by"))
    paid_at = models.DateTimeField(_("paid at"), null=True)
    # What the shopper wishes for, should things go wrong: a code of wishes.py.
    wishes = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Set while REFUNDING: until then the shopper has the money back, or somebody is called (invariant O7).
    refund_by = models.DateTimeField(_("refunded by"), null=True)
    # Set while it is tried to find a paid order another place: until then it has one, or its money is on its way back.
    decide_by = models.DateTimeField(_("decided by"), null=True)
    # What it costs more to buy alone, asked for after the seat was lost: until `decide_by` it may be paid. Paid, it is
    # part of unit price and amount, and the order is bought alone.
    surcharge_fen = models.BigIntegerField(_("surcharge (fen)"), null=True)
    created_at = models.DateTimeField(_("persisted at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed at"), auto_now=True)

    @property
    def told(self) -> Wishes:
        """The wishes as they were told at ordering."""
        return Wishes.from_code(self.wishes)

    # No column: the intake tells it of orders that have no row yet.
    queue: QueuePlace | None = None

    class Meta:
        db_table = "trade_order"
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "idempotency_key"], name="order_once_a_key"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="order_amount_positive"),
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="order_quantity_positive"),
        ]
        indexes = [
            models.Index(fields=["member_id", "-id"], name="order_of_member"),
            models.Index(fields=["state", "pay_by"], name="order_state_pay_by"),
            models.Index(fields=["activity_id", "state"], name="order_of_activity"),
            models.Index(fields=["group_id"], name="order_of_group"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class FirstPayment(ShardedModel):
    """The order that counts as the first one that a member paid, said once for all; where somebody asked."""

    shard_field = "order_id"

    member_id = models.BigIntegerField(_("member"), primary_key=True)
    order_id = models.BigIntegerField(_("order"))

    class Meta:
        db_table = "trade_first_payment"

    def __str__(self) -> str:
        return f"{self.member_id}: {self.order_id}"


class OrderLog(ShardedModel):
    """One row a transition; `sequence` counts from 1, so a gap or a double is seen."""

    shard_field = "order_id"

    id = models.BigAutoField(primary_key=True)
    order_id = models.BigIntegerField(_("order"))
    sequence = models.PositiveSmallIntegerField()
    from_state = models.CharField(max_length=16)
    to_state = models.CharField(max_length=16)
    reason = models.CharField(max_length=32, blank=True)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        db_table = "trade_order_log"
        constraints = [models.UniqueConstraint(fields=["order_id", "sequence"], name="order_log_once")]
