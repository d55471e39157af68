"""After-sale requests and the log of their states, on their order's node."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel
from pgs_web.trade.after_sale.states import RequestCause, RequestKind, RequestState

LONGEST_TEXT = 200


class AfterSaleRequest(ShardedModel):
    """A shopper wants money back for goods that have left; the order itself keeps its state."""

    shard_field = "id"  # made with the slot of its order

    id = models.BigIntegerField(_("after-sale request"), primary_key=True)
    order_id = models.BigIntegerField(_("order"))
    # order_id while the request is open, null afterwards: one open request an order.
    open_order_id = models.BigIntegerField(null=True, unique=True, editable=False)
    # Counts an order's requests from 1; the number of the refund is made from it.
    sequence = models.PositiveSmallIntegerField(_("number of the order's requests"))
    member_id = models.BigIntegerField(_("member"))
    merchant_id = models.BigIntegerField(_("merchant"))
    kind = models.CharField(_("kind"), max_length=24, choices=[(kind.value, kind.value) for kind in RequestKind])
    cause = models.CharField(_("cause"), max_length=24, choices=[(cause.value, cause.value) for cause in RequestCause])
    text = models.CharField(_("the shopper's words"), max_length=LONGEST_TEXT, blank=True)
    # What goes back; the shopper may have asked for more.
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    # What the shopper asked for, once somebody approved less; null while both are the same.
    asked_fen = models.BigIntegerField(_("asked for (fen)"), null=True)
    # Of how many units it is; null where the shopper didn't say.
    quantity = models.PositiveIntegerField(_("units"), null=True)
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in RequestState])
    # What the shopper is told with a refusal, or why it ended.
    answer = models.CharField(_("answer"), max_length=LONGEST_TEXT, blank=True)
    opened_by = models.CharField(_("opened by"), max_length=80)
    # Who agreed first to an amount that needs two; the second must be somebody else.
    endorsed_by = models.CharField(_("endorsed by"), max_length=80, blank=True)
    approved_by = models.CharField(_("approved by"), max_length=80, blank=True)
    carrier = models.CharField(_("carrier"), max_length=40, blank=True)
    tracking_no = models.CharField(_("tracking number"), max_length=64, blank=True)
    log_count = models.PositiveSmallIntegerField(default=1)
    requested_at = models.DateTimeField(_("requested at"))
    # Until when the present state lasts at most; null once it is over.
    latest_by = models.DateTimeField(_("latest by"), null=True)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        db_table = "trade_after_sale"
        verbose_name = _("after-sale request")
        verbose_name_plural = _("after-sale requests")
        constraints = [
            models.UniqueConstraint(fields=["order_id", "sequence"], name="after_sale_once"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="after_sale_amount_positive"),
        ]
        indexes = [
            models.Index(fields=["member_id", "-id"], name="after_sale_of_member"),
            models.Index(fields=["state", "latest_by"], name="after_sale_state_latest_by"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def asked(self) -> int:
        """What the shopper asked for, in fen."""
        return self.amount_fen if self.asked_fen is None else self.asked_fen


class AfterSaleLog(ShardedModel):
    """One row a transition; `sequence` counts from 1, so a gap or a double is seen."""

    shard_field = "request_id"

    id = models.BigAutoField(primary_key=True)
    request_id = models.BigIntegerField(_("after-sale request"))
    sequence = models.PositiveSmallIntegerField()
    from_state = models.CharField(max_length=16)
    to_state = models.CharField(max_length=16)
    reason = models.CharField(max_length=LONGEST_TEXT, blank=True)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        db_table = "trade_after_sale_log"
        constraints = [models.UniqueConstraint(fields=["request_id", "sequence"], name="after_sale_log_once")]
