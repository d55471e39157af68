"""Time-boxed offers, the database's copy of their stock, and the log of their states."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_web.display.activity.states import ActivityState, LeaderLeaves
from pgs_web.display.product.models import Sku


class Activity(models.Model):
    sku = models.ForeignKey(Sku, verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="activities")
    title = models.CharField(_("title"), max_length=120)
    title_en = models.CharField(_("English title"), max_length=120, blank=True)
    play = models.CharField(_("play"), max_length=32, default="standard")
    price_fen = models.BigIntegerField(_("group price (fen)"), validators=[MinValueValidator(1)])
    alone_price_fen = models.BigIntegerField(_("price without a group (fen)"), validators=[MinValueValidator(1)])
    group_size = models.PositiveIntegerField(
        _("group size"), default=2, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    member_limit = models.PositiveIntegerField(
        _("units a member may buy"), default=1, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    stock_total = models.PositiveIntegerField(_("activity stock"), validators=[MaxValueValidator(100_000_000)])
    starts_at = models.DateTimeField(_("starts at"), help_text=_("From this moment on shoppers can buy."))
    ends_at = models.DateTimeField(_("ends at"), help_text=_("At this moment nobody can buy any more."))
    group_lasts_seconds = models.PositiveIntegerField(
        _("a group lasts (seconds)"), default=86_400, validators=[MinValueValidator(1)]
    )
    pay_within_seconds = models.PositiveIntegerField(
        _("time to pay (seconds)"), default=900, validators=[MinValueValidator(1)]
    )
    leader_leaves = models.CharField(
        _("when a leader leaves"),
        max_length=16,
        default=LeaderLeaves.SUCCESSION.value,
        db_default=LeaderLeaves.SUCCESSION.value,
        choices=[
            (LeaderLeaves.SUCCESSION.value, _("the next member leads on")),
            (LeaderLeaves.CLOSE.value, _("the group closes, everybody is refunded")),
        ],
        help_text=_("Groups keep the rule under which they were opened."),
    )
    guaranteed_seats = models.PositiveIntegerField(
        _("guaranteed seats"),
        default=0,
        db_default=0,
        help_text=_(
            "So many missing seats of a group the merchant fills at its deadline, openly. Groups keep the rule under"
            " which they were opened."
        ),
    )
    guarantee_cap_fen = models.BigIntegerField(
        _("cost cap of guaranteed seats (fen)"),
        default=0,
        db_default=0,
        validators=[MinValueValidator(0)],
        help_text=_("A guaranteed seat costs the group's price of one unit. Over all groups never more than this."),
    )
    # What guaranteed seats have cost or have reserved; only a conditional UPDATE changes it.
    guarantee_used_fen = models.BigIntegerField(default=0, db_default=0, editable=False)
    new_seats = models.PositiveIntegerField(
        _("seats for new members"),
        default=0,
        db_default=0,
        help_text=_(
            "So many members of a group, its leader not counted, must never have paid an order here before. Judged when"
            " they pay. Fixed once approved; for activities that a game sells."
        ),
    )
    state = models.CharField(
        _("state"),
        max_length=16,
        default=ActivityState.DRAFT,
        choices=[(state.value, state.value) for state in ActivityState],
        db_index=True,
    )
    rules_version = models.PositiveIntegerField(_("rules version"), default=1)
    # Kept on the row so that one UPDATE can refuse the submitter as reviewer.
    submitted_by = models.CharField(_("submitted by"), max_length=80, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        indexes = [
            models.Index(fields=["state", "starts_at"], name="activity_state_start"),
            models.Index(fields=["state", "ends_at"], name="activity_state_end"),
            models.Index(fields=["state", "price_fen"], name="activity_state_price"),
            models.Index(fields=["guarantee_cap_fen"], name="activity_guarantee_cap"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("starts_at")), name="activity_ends_later"),
            models.CheckConstraint(condition=models.Q(price_fen__gt=0), name="activity_price_positive"),
            models.CheckConstraint(condition=models.Q(alone_price_fen__gt=0), name="activity_alone_price_positive"),
            models.CheckConstraint(
                condition=models.Q(guarantee_used_fen__gte=0, guarantee_used_fen__lte=models.F("guarantee_cap_fen")),
                name="activity_guarantee_within_cap",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.title}"


class RulesVersion(models.Model):
    """What a version of the rules says of running groups; written once with the version, never changed.

    A group names the version that it was opened under, so this is its snapshot (docs/adr/0022).
    """

    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="versions")
    rules_version = models.PositiveIntegerField()
    leader_leaves = models.CharField(max_length=16)
    guaranteed_seats = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = _("version of the rules")
        verbose_name_plural = _("versions of the rules")
        constraints = [
            models.UniqueConstraint(fields=["activity", "rules_version"], name="activity_rules_version_once")
        ]


class Withdrawal(models.Model):
    """A withdrawn activity whose running groups are to be ended; written in the transaction that withdraws it."""

    activity = models.OneToOneField(Activity, on_delete=models.CASCADE, primary_key=True, related_name="withdrawal")
    asked_at = models.DateTimeField(_("asked at"))
    # When the last group that was opened before is past its deadline. Until then one may still come out of a stream.
    until = models.DateTimeField()
    looked_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(_("done at"), null=True)

    class Meta:
        verbose_name = _("withdrawal")
        verbose_name_plural = _("withdrawals")
        indexes = [models.Index(fields=["done_at", "looked_at"], name="withdrawal_open")]


class ActivityStock(models.Model):
    """The database's copy of the stock in Redis, seconds old; written by the stock sync only."""

    activity = models.OneToOneField(Activity, on_delete=models.CASCADE, primary_key=True, related_name="stock")
    total = models.BigIntegerField(_("total"))
    remain = models.BigIntegerField(_("remain"))
    lock = models.BigIntegerField(_("lock"), default=0)
    sold = models.BigIntegerField(_("sold"), default=0)
    version = models.BigIntegerField(_("version"), default=0)
    fence = models.BigIntegerField(_("fence of the last writer"), default=0)
    synced_at = models.DateTimeField(_("synced at"))
    # From then on Redis knows nothing of the activity, and these figures are counted from its orders (docs/adr/0016).
    archived_at = models.DateTimeField(_("archived at"), null=True, editable=False)
    # How often since the last count something happened that asks for another one; 0: the figures are final.
    recounts_due = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("activity stock")
        verbose_name_plural = _("activity stocks")
        indexes = [
            models.Index(fields=["archived_at", "synced_at"], name="activity_stock_idle"),
            models.Index(fields=["recounts_due"], name="activity_stock_recount"),
        ]


class StockSyncPass(models.Model):
    """The one row that says when every stock copy was last known to be the same as Redis, changed or not."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    as_of = models.DateTimeField(_("as of"))
    fence = models.BigIntegerField(_("fence of the last writer"), default=0)

    class Meta:
        verbose_name = _("stock sync pass")
        verbose_name_plural = _("stock sync passes")


class ActivityLog(models.Model):
    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="logs")
    from_state = models.CharField(max_length=16)
    to_state = models.CharField(max_length=16)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("activity log entry")
        verbose_name_plural = _("activity log")
