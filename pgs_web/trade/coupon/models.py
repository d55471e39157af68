"""Coupons and what they gave to orders, on their member's node; campaigns, which issue them, in `default`."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.models import ShardedModel
from pgs_web.trade.coupon.states import CampaignState, CouponState

LONGEST_TITLE = 80
LONGEST_CODE = 32
LONGEST_REFERENCE = 64


class Mode(models.TextChoices):
    """How an order is bought; the order room's words."""

    GROUP = "group", _("in a group")
    ALONE = "alone", _("alone")


class CouponTermsModel(models.Model):
    """What a coupon is worth, where and when; every scope that is given narrows, none means everything."""

    title = models.CharField(_("title"), max_length=LONGEST_TITLE)
    amount_fen = models.BigIntegerField(_("takes off (fen)"))
    # Of the order before any discount.
    threshold_fen = models.BigIntegerField(_("from an order of (fen)"), default=0)
    product_id = models.BigIntegerField(_("product"), null=True, blank=True)
    activity_id = models.BigIntegerField(_("activity"), null=True, blank=True)
    mode = models.CharField(_("mode"), max_length=8, choices=Mode.choices, blank=True)
    # One coupon of each on an order.
    stack_group = models.CharField(
        _("kind"),
        max_length=LONGEST_CODE,
        default="shop",
        help_text=_("An order takes one coupon of each kind, an exclusive one only by itself."),
    )
    valid_from = models.DateTimeField(_("valid from"))
    expires_at = models.DateTimeField(_("expires at"))

    class Meta:
        abstract = True


class Coupon(ShardedModel, CouponTermsModel):
    """A member's right to pay less once."""

    shard_field = "id"  # made with the slot of its member

    id = models.BigIntegerField(_("coupon"), primary_key=True)
    member_id = models.BigIntegerField(_("member"))
    # What one unit costs with it, for coupons of a promised price; amount_fen is then only what that saved at first.
    price_fen = models.BigIntegerField(_("one unit costs (fen)"), null=True, editable=False)
    # Who issued it and what for: a message that is told twice issues one.
    issuer = models.CharField(_("issuer"), max_length=LONGEST_CODE)
    issue_reference = models.CharField(_("issued for"), max_length=LONGEST_REFERENCE)
    state = models.CharField(_("state"), max_length=16, choices=[(state.value, state.value) for state in CouponState])
    # While USED.
    order_id = models.BigIntegerField(_("order"), null=True)
    issued_at = models.DateTimeField(_("issued at"))
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        db_table = "trade_coupon"
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "issuer", "issue_reference"], name="coupon_issued_once"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="coupon_amount_positive"),
            models.CheckConstraint(
                condition=models.Q(state=CouponState.USED.value, order_id__isnull=False)
                | (~models.Q(state=CouponState.USED.value) & models.Q(order_id__isnull=True)),
                name="coupon_used_by_an_order",
            ),
        ]
        indexes = [
            models.Index(fields=["member_id", "-id"], name="coupon_of_member"),
            models.Index(fields=["state", "expires_at"], name="coupon_state_expires_at"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class CouponUse(ShardedModel):
    """What a coupon took off an order; the row stays when the coupon is given back, as the order keeps its amount."""

    shard_field = "order_id"

    id = models.BigAutoField(primary_key=True)
    order_id = models.BigIntegerField(_("order"))
    coupon_id = models.BigIntegerField(_("coupon"))
    # coupon_id while the order has the coupon, null afterwards: a coupon is on one order at a time.
    open_coupon_id = models.BigIntegerField(null=True, unique=True, editable=False)
    discount_fen = models.BigIntegerField(_("discount (fen)"))
    used_at = models.DateTimeField(_("used at"))
    ended_at = models.DateTimeField(_("given back at"), null=True)

    class Meta:
        db_table = "trade_coupon_use"
        verbose_name = _("use of a coupon")
        verbose_name_plural = _("uses of coupons")
        constraints = [
            models.UniqueConstraint(fields=["order_id", "coupon_id"], name="coupon_use_once_an_order"),
            models.CheckConstraint(condition=models.Q(discount_fen__gt=0), name="coupon_use_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.coupon_id} → {self.order_id}"


class CouponCampaign(CouponTermsModel):
    """Operators give members a coupon each, up to a number and a cost that are fixed before the first one."""

    id = models.BigAutoField(primary_key=True)
    total_count = models.PositiveIntegerField(_("coupons at most"))
    # total_count × amount_fen is within it.
    envelope_fen = models.BigIntegerField(_("may cost at most (fen)"))
    # Empty: everybody who was a member when it was started.
    member_ids = models.JSONField(_("members"), default=list, blank=True)
    state = models.CharField(
        _("state"),
        max_length=16,
        default=CampaignState.DRAFT.value,
        choices=[(state.value, state.value) for state in CampaignState],
    )
    issued_count = models.PositiveIntegerField(_("issued"), default=0)
    # Members are served in the order of their numbers, up to this one so far.
    last_member_id = models.BigIntegerField(default=0)
    # Whoever joined later gets none: the list of members is the same in every repetition.
    joined_before = models.DateTimeField(null=True)
    opened_by = models.CharField(_("opened by"), max_length=80)
    opened_at = models.DateTimeField(_("opened at"))
    started_by = models.CharField(_("started by"), max_length=80, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        db_table = "trade_coupon_campaign"
        verbose_name = _("coupon campaign")
        verbose_name_plural = _("coupon campaigns")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(issued_count__lte=models.F("total_count")), name="campaign_within_count"
            ),
            models.CheckConstraint(
                condition=models.Q(envelope_fen__gte=models.F("total_count") * models.F("amount_fen")),
                name="campaign_within_envelope",
            ),
        ]
        indexes = [models.Index(fields=["state", "id"], name="campaign_state")]

    def __str__(self) -> str:
        return f"{self.pk} {self.title}"

    @property
    def issuer(self) -> str:
        """How its coupons name it."""
        return f"campaign:{self.pk}"

    @property
    def liability_fen(self) -> int:
        """What it can cost, should every coupon be issued and used."""
        return self.total_count * self.amount_fen
