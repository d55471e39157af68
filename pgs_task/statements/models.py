"""Compared days of gateways and what didn't fit; in `default`: a statement is about all nodes."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_task.payment.gateways.contract import LineKind
from pgs_task.statements.states import DayState, DifferenceKind, DifferenceState


class StatementDay(models.Model):
    """A day of Asia/Shanghai at a gateway, as it was when it was compared last."""

    id = models.BigAutoField(primary_key=True)
    gateway = models.CharField(_("gateway"), max_length=16)
    day = models.DateField(_("day"))
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in DayState])
    # Whether the statement was a file that an operator brought.
    is_uploaded = models.BooleanField(_("from a file"), default=False)
    # When the last comparison began, on the database's clock: an older one that ends later changes nothing.
    compared_at = models.DateTimeField(_("compared at"))
    tried_at = models.DateTimeField(_("last tried at"))
    error = models.CharField(_("last error"), max_length=300, blank=True)
    their_lines = models.PositiveIntegerField(_("their lines"), default=0)
    their_paid_fen = models.BigIntegerField(_("they took (fen)"), default=0)
    their_refunded_fen = models.BigIntegerField(_("they gave back (fen)"), default=0)
    # What the lines that tell a fee have kept, less what they gave back.
    their_fee_fen = models.BigIntegerField(_("their fees (fen)"), default=0)
    our_lines = models.PositiveIntegerField(_("our lines"), default=0)
    our_paid_fen = models.BigIntegerField(_("we booked as taken (fen)"), default=0)
    our_refunded_fen = models.BigIntegerField(_("we booked as given back (fen)"), default=0)
    # All that were found; only the first of very many are kept as rows.
    difference_count = models.PositiveIntegerField(_("differences"), default=0)

    class Meta:
        db_table = "statement_day"
        verbose_name = _("reconciled day")
        verbose_name_plural = _("reconciled days")
        constraints = [models.UniqueConstraint(fields=["gateway", "day"], name="statement_day_once")]
        indexes = [models.Index(fields=["day"], name="statement_day_day")]

    def __str__(self) -> str:
        return f"{self.gateway} {self.day}"


class StatementDifference(models.Model):
    """One line that doesn't fit; found again, it is the same row."""

    id = models.BigAutoField(primary_key=True)
    statement = models.ForeignKey(StatementDay, models.CASCADE, related_name="differences", verbose_name=_("day"))
    kind = models.CharField(_("kind"), max_length=16, choices=[(kind.value, kind.value) for kind in DifferenceKind])
    line = models.CharField(_("line"), max_length=8, choices=[(kind.value, kind.value) for kind in LineKind])
    # 0 when the gateway names none of ours.
    payment_id = models.BigIntegerField(_("payment"))
    number = models.CharField(_("number"), max_length=64)
    our_fen = models.BigIntegerField(_("ours (fen)"))
    their_fen = models.BigIntegerField(_("theirs (fen)"))
    state = models.CharField(
        _("state"), max_length=8, choices=[(state.value, state.value) for state in DifferenceState]
    )
    found_at = models.DateTimeField(_("found at"))
    settled_at = models.DateTimeField(_("settled at"), null=True)
    settled_by = models.CharField(_("settled by"), max_length=80, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        db_table = "statement_difference"
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        constraints = [
            models.UniqueConstraint(
                fields=["statement", "kind", "line", "payment_id", "number"], name="statement_difference_once"
            )
        ]
        indexes = [
            models.Index(fields=["state", "id"], name="statement_difference_state"),
            models.Index(fields=["payment_id"], name="statement_difference_payment"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"
