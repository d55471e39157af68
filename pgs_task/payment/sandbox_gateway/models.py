"""The books of the sandbox gateway, a bank of our own for the demo and tests: in `default`, apart from the shop's."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class TradeState(models.TextChoices):
    OPEN = "OPEN", _("open")
    FAILED = "FAILED", _("an attempt failed")
    CLOSED = "CLOSED", _("closed by the shop")
    TAKEN = "TAKEN", _("the money was taken")


class SandboxTrade(models.Model):
    payment_id = models.BigIntegerField(_("payment"), primary_key=True)
    trade_no = models.CharField(_("trade number"), max_length=64, unique=True)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=8, choices=TradeState.choices, default=TradeState.OPEN)
    refunded_fen = models.BigIntegerField(_("refunded (fen)"), default=0)
    taken_at = models.DateTimeField(_("taken at"), null=True)

    class Meta:
        db_table = "sandbox_trade"
        verbose_name = _("sandbox trade")
        verbose_name_plural = _("sandbox trades")
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="sandbox_trade_positive"),
            models.CheckConstraint(
                condition=models.Q(refunded_fen__gte=0) & models.Q(refunded_fen__lte=models.F("amount_fen")),
                name="sandbox_refunds_within_trade",
            ),
        ]
        indexes = [models.Index(fields=["taken_at", "payment_id"], name="sandbox_trade_taken")]

    def __str__(self) -> str:
        return self.trade_no


class SandboxRefund(models.Model):
    refund_no = models.CharField(_("refund number"), max_length=64, primary_key=True)
    gateway_refund_no = models.CharField(_("gateway's refund number"), max_length=64, unique=True)
    payment_id = models.BigIntegerField(_("payment"), db_index=True)
    trade_no = models.CharField(_("trade number"), max_length=64)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    # Null while the refund is accepted but not done.
    refunded_at = models.DateTimeField(_("refunded at"), null=True)

    class Meta:
        db_table = "sandbox_refund"
        verbose_name = _("sandbox refund")
        verbose_name_plural = _("sandbox refunds")
        constraints = [models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="sandbox_refund_positive")]
        indexes = [models.Index(fields=["refunded_at", "refund_no"], name="sandbox_refund_moment")]

    def __str__(self) -> str:
        return self.refund_no


class FaultKind(models.TextChoices):
    CREATE_UNAVAILABLE = "create_unavailable", _("opening a trade gets no answer")
    CREATE_DONE_UNANSWERED = "create_done_unanswered", _("a trade is opened, but gets no answer")
    QUERY_UNAVAILABLE = "query_unavailable", _("a question about a trade or refund gets no answer")
    CLOSE_UNAVAILABLE = "close_unavailable", _("closing a trade gets no answer")
    CLOSE_DONE_UNANSWERED = "close_done_unanswered", _("a trade is closed, but gets no answer")
    REFUND_REFUSED = "refund_refused", _("a refund is refused")
    REFUND_UNAVAILABLE = "refund_unavailable", _("a refund gets no answer and isn't done")
    REFUND_DONE_UNANSWERED = "refund_done_unanswered", _("a refund is done, but gets no answer")
    REFUND_SLOW = "refund_slow", _("a refund is accepted, and done when asked about")
    NOTICE_LOST = "notice_lost", _("a notice is lost on its way")
    NOTICE_DELAYED = "notice_delayed", _("a notice comes later")
    NOTICE_DUPLICATED = "notice_duplicated", _("a notice comes several times")
    NOTICE_REORDERED = "notice_reordered", _("a failed attempt is told after the success that followed it")
    NOTICE_FORGED = "notice_forged", _("somebody else sends a notice too")
    WRONG_AMOUNT = "wrong_amount", _("the bank takes another amount than it was asked for")


class SandboxFault(models.Model):
    """How tests and drills make a bad day: the next `remaining` calls of a kind go wrong, and some of all others."""

    kind = models.CharField(_("kind"), max_length=32, choices=FaultKind.choices, primary_key=True)
    remaining = models.PositiveIntegerField(_("remaining"), default=0)
    # So many of a thousand calls, by chance.
    per_mille = models.PositiveIntegerField(_("per mille"), default=0, db_default=0)

    class Meta:
        db_table = "sandbox_fault"
        verbose_name = _("sandbox fault")
        verbose_name_plural = _("sandbox faults")

    def __str__(self) -> str:
        return f"{self.kind} × {self.remaining}"


class SandboxNotice(models.Model):
    """A notice that the bank has promised to send later; gone when the shop has answered it."""

    id = models.BigAutoField(primary_key=True)
    payment_id = models.BigIntegerField(_("payment"))
    body = models.TextField(_("body"))
    base_url = models.CharField(_("shop"), max_length=200)
    due_at = models.DateTimeField(_("due at"), db_index=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)

    class Meta:
        db_table = "sandbox_notice"
        verbose_name = _("sandbox notice")
        verbose_name_plural = _("sandbox notices")

    def __str__(self) -> str:
        return f"{self.payment_id} {self.due_at}"
