"""Coupons as their members' clients read them."""

from datetime import UTC

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.trade.coupon.models import Coupon, Mode
from pgs_web.trade.coupon.states import CouponState

STATES = [state.value for state in CouponState]


class CouponSerializer(serializers.ModelSerializer[Coupon]):
    """One of your coupons: a right to pay less, once."""

    coupon_id = IdField(source="pk")
    amount_fen = serializers.IntegerField(help_text=_("What it takes off an order; one fen stays to be paid."))
    threshold_fen = serializers.IntegerField(help_text=_("The order has to cost so much before any discount."))
    price_fen = serializers.IntegerField(
        allow_null=True,
        help_text=_("One unit costs so much with it, whatever its activity asks then; null: it takes an amount off."),
    )
    product_id = IdField(allow_null=True, help_text=_("Only for this product; null for all."))
    activity_id = IdField(allow_null=True, help_text=_("Only in this activity; null for all."))
    mode = serializers.ChoiceField(
        choices=Mode.values, allow_blank=True, help_text=_("Only for orders in a group, or alone; empty for both.")
    )
    stack_group = serializers.CharField(
        help_text=_("An order takes one coupon of each kind, an exclusive one only by itself.")
    )
    valid_from = serializers.DateTimeField(default_timezone=UTC)
    expires_at = serializers.DateTimeField(default_timezone=UTC)
    state = serializers.SerializerMethodField()
    order_id = IdField(allow_null=True, help_text=_("The order that has it, while USED."))
    server_time = serializers.DateTimeField(source="now", default_timezone=UTC, help_text=_("The shop's clock."))

    class Meta:
        model = Coupon
        fields = (
            "coupon_id",
            "title",
            "amount_fen",
            "threshold_fen",
            "price_fen",
            "product_id",
            "activity_id",
            "mode",
            "stack_group",
            "valid_from",
            "expires_at",
            "state",
            "order_id",
            "server_time",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, coupon: Coupon) -> str:
        is_over = coupon.state == CouponState.ISSUED and coupon.expires_at <= coupon.now  # type: ignore[attr-defined]
        return CouponState.EXPIRED.value if is_over else coupon.state
