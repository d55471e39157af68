"""Payments, notices and refunds; all rows of a payment live on its order's node, which its own id names too."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel
from pgs_task.payment.states import CallKind, NoticeOutcome, PaymentState, RefundState
from pgs_web.trade.order.dues import DuePurpose


class Payment(ShardedModel):
    shard_field = "id"  # made with the slot of its order

    id = models.BigIntegerField(_("payment"), primary_key=True)
    order_id = models.BigIntegerField(_("order"), db_index=True)
    # order_id while the payment is open, null afterwards: one open payment an order.
    open_order_id = models.BigIntegerField(null=True, unique=True, editable=False)
    # order_id once this payment has paid the order, also after the refund; null for a late one: one an order.
    paid_order_id = models.BigIntegerField(null=True, unique=True, editable=False)
    # order_id once this payment has paid the order's surcharge, likewise.
    surcharge_order_id = models.BigIntegerField(null=True, unique=True, editable=False)
    purpose = models.CharField(
        _("for"),
        max_length=16,
        choices=[(purpose.value, purpose.value) for purpose in DuePurpose],
        default=DuePurpose.ORDER.value,
        db_default=DuePurpose.ORDER.value,
    )
    member_id = models.BigIntegerField(_("member"))
    gateway = models.CharField(_("gateway"), max_length=16)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in PaymentState])
    # Null while unknown: the numbers that are known are unique.
    trade_no = models.CharField(_("gateway's trade number"), max_length=64, null=True)  # noqa: DJ001
    # Promised back: raised with the refund's row, so that refunds never exceed the payment.
    refunded_fen = models.BigIntegerField(_("refunded (fen)"), default=0)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"))
    paid_at = models.DateTimeField(_("paid at"), null=True)
    # When the gateway is asked next, should its notice not come, and how often it was.
    next_query_at = models.DateTimeField(_("next query at"))
    query_count = models.PositiveIntegerField(_("queries"), default=0)

    @property
    def has_paid(self) -> bool:
        """Whether its money is its order's: of the order or its surcharge, in time or accepted late; also refunded."""
        return self.paid_order_id is not None or self.surcharge_order_id is not None

    class Meta:
        db_table = "pay_payment"
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.UniqueConstraint(fields=["gateway", "trade_no"], name="payment_trade_once"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=models.Q(refunded_fen__gte=0) & models.Q(refunded_fen__lte=models.F("amount_fen")),
                name="payment_refunds_within_amount",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "next_query_at"], name="payment_state_next_query"),
            # The books of a day, compared with the gateway's statement.
            models.Index(fields=["paid_at"], name="payment_paid_at"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Notice(ShardedModel):
    """What a gateway told or answered about a payment, stored once in the transaction that applies it."""

    shard_field = "payment_id"

    id = models.BigAutoField(primary_key=True)
    payment_id = models.BigIntegerField(_("payment"))
    gateway = models.CharField(_("gateway"), max_length=16)
    notice_id = models.CharField(_("notice"), max_length=64)
    trade_no = models.CharField(_("gateway's trade number"), max_length=64)
    status = models.CharField(_("status"), max_length=16)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    outcome = models.CharField(
        _("outcome"), max_length=32, choices=[(outcome.value, outcome.value) for outcome in NoticeOutcome]
    )
    raw = models.TextField(_("raw text"))
    received_at = models.DateTimeField(_("received at"))

    class Meta:
        db_table = "pay_notice"
        verbose_name = _("payment notice")
        verbose_name_plural = _("payment notices")
        constraints = [models.UniqueConstraint(fields=["gateway", "notice_id"], name="notice_once")]
        indexes = [models.Index(fields=["payment_id"], name="notice_of_payment")]

    def __str__(self) -> str:
        return f"{self.gateway} {self.notice_id}"


class Refund(ShardedModel):
    """One refund to source; its number says what it is for, so several causes at once make one (services/refunds)."""

    shard_field = "payment_id"

    id = models.BigAutoField(primary_key=True)
    payment_id = models.BigIntegerField(_("payment"))
    order_id = models.BigIntegerField(_("order"), db_index=True)
    refund_no = models.CharField(_("refund number"), max_length=64, unique=True)
    gateway = models.CharField(_("gateway"), max_length=16)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    reason = models.CharField(_("reason"), max_length=32)
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in RefundState])
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next try at"))
    latest_by = models.DateTimeField(_("latest by"))
    # Of money that came under another trade than the one that paid; null for the payment's own, which alone counts
    # into its refunded_fen.
    trade_no = models.CharField(_("of another trade"), max_length=64, null=True)  # noqa: DJ001
    # The after-sale request that it answers.
    request_id = models.BigIntegerField(_("after-sale request"), null=True)
    # One that was paid outside of the gateway: by what evidence, who says so and who agreed.
    evidence = models.CharField(_("evidence"), max_length=200, null=True)  # noqa: DJ001
    claimed_by = models.CharField(_("claimed by"), max_length=80, null=True)  # noqa: DJ001
    approved_by = models.CharField(_("approved by"), max_length=80, null=True)  # noqa: DJ001
    # Null while unknown: the numbers that are known are unique.
    gateway_refund_no = models.CharField(_("gateway's refund number"), max_length=64, null=True)  # noqa: DJ001
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        db_table = "pay_refund"
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="refund_amount_positive"),
            models.UniqueConstraint(fields=["gateway", "gateway_refund_no"], name="refund_gateway_no_once"),
        ]
        indexes = [
            models.Index(fields=["state", "next_try_at"], name="refund_state_next_try"),
            models.Index(fields=["payment_id"], name="refund_of_payment"),
            models.Index(fields=["finished_at"], name="refund_finished_at"),
        ]

    def __str__(self) -> str:
        return self.refund_no


class GatewayCall(ShardedModel):
    """What a gateway was asked about a payment and what it answered: for people, nothing is decided by it."""

    shard_field = "payment_id"

    id = models.BigAutoField(primary_key=True)
    payment_id = models.BigIntegerField(_("payment"))
    refund_no = models.CharField(_("refund number"), max_length=64, blank=True)
    kind = models.CharField(_("kind"), max_length=16, choices=[(kind.value, kind.value) for kind in CallKind])
    asked_by = models.CharField(_("asked by"), max_length=80)
    answer = models.CharField(_("answer"), max_length=16)
    detail = models.CharField(_("detail"), max_length=200, blank=True)
    answered_at = models.DateTimeField(_("answered at"))

    class Meta:
        db_table = "pay_gateway_call"
        verbose_name = _("gateway call")
        verbose_name_plural = _("gateway calls")
        indexes = [models.Index(fields=["payment_id"], name="gateway_call_of_payment")]

    def __str__(self) -> str:
        return f"{self.kind} {self.payment_id}"


class GatewayNumber(models.Model):
    """A number that a gateway used, and the payment it belongs to; in `default`, so unique over all nodes."""

    class Kind(models.TextChoices):
        NOTICE = "notice", _("notice")
        TRADE = "trade", _("trade")

    id = models.BigAutoField(primary_key=True)
    gateway = models.CharField(_("gateway"), max_length=16)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    number = models.CharField(_("number"), max_length=64)
    payment_id = models.BigIntegerField(_("payment"))
    # SHA-256 of a notice's content, empty for a trade: the same notice number with other content is refused.
    digest = models.CharField(_("digest"), max_length=64, blank=True)

    class Meta:
        db_table = "pay_gateway_number"
        verbose_name = _("gateway number")
        verbose_name_plural = _("gateway numbers")
        constraints = [models.UniqueConstraint(fields=["gateway", "kind", "number"], name="gateway_number_once")]

    def __str__(self) -> str:
        return f"{self.gateway} {self.kind} {self.number}"
