"""An order as its shopper sees it."""

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.api.schema import ID_SCHEMA
from pgs_web.trade.coupon.models import CouponUse
from pgs_web.trade.coupon.serializers import CouponSerializer
from pgs_web.trade.delivery.models import Shipment
from pgs_web.trade.order.dues import SurchargeState, surcharge_of
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.money import PaymentOfOrder, RefundStage
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.order.wishes import OnLatePayment, OnLostSeat

# More than any shop lets an order take; COUPONS_AN_ORDER says how many it is.
MOST_COUPONS = 10


class ShipmentSerializer(serializers.Serializer[Shipment]):
    """Where the parcel is looked up."""

    carrier = serializers.CharField()
    tracking_no = serializers.CharField()
    shipped_at = serializers.DateTimeField(default_timezone=UTC)


class QueueSerializer(serializers.Serializer[Any]):
    position = serializers.IntegerField(min_value=1, help_text=_("Your place among the orders to be written down."))
    eta_seconds = serializers.IntegerField(
        min_value=0,
        # Null while the order's node is away.
        allow_null=True,
        help_text=_("When it will have been, by the present pace."),
    )


class SurchargeSerializer(serializers.Serializer[Any]):
    """What it costs more to buy without the group whose seat was lost."""

    amount_fen = serializers.IntegerField(min_value=1)
    pay_before = serializers.DateTimeField(
        default_timezone=UTC,
        allow_null=True,
        help_text=_("While it waits: pay it like the order until then, else all of your money goes back."),
    )
    state = serializers.ChoiceField(choices=[state.value for state in SurchargeState])


class OrderSerializer(serializers.Serializer[Order]):
    """One of your orders."""

    # Context: `shipments` (order id → shipment, see selectors.shipments_of) and `server_time`.

    id = IdField(source="pk")
    # The name that the answer to its placing gave it.
    order_id = IdField(source="pk")
    state = serializers.ChoiceField(choices=[state.value for state in OrderState])
    reason = serializers.CharField(
        allow_blank=True,
        help_text=_("Why it was cancelled, refunded, rejected, or got another place; empty otherwise."),
    )
    mode = serializers.ChoiceField(choices=OrderMode.values)
    activity_id = IdField()
    sku_id = IdField()
    merchant_id = IdField()
    group_id = IdField(allow_null=True)
    quantity = serializers.IntegerField()
    unit_price_fen = serializers.IntegerField()
    discount_fen = serializers.IntegerField()
    amount_fen = serializers.IntegerField()
    address_id = IdField()
    on_late_payment = serializers.ChoiceField(
        source="told.on_late_payment",
        choices=[wish.value for wish in OnLatePayment],
        help_text=_("What you wished for at ordering, should your payment arrive too late."),
    )
    on_lost_seat = serializers.ChoiceField(
        source="told.on_lost_seat",
        choices=[wish.value for wish in OnLostSeat],
        help_text=_("What you wished for at ordering, should you lose your seat after paying."),
    )
    accepted_at = serializers.DateTimeField(default_timezone=UTC)
    pay_by = serializers.DateTimeField(default_timezone=UTC, help_text=_("Unpaid at this moment, it is cancelled."))
    paid_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    refund_by = serializers.DateTimeField(
        default_timezone=UTC, allow_null=True, help_text=_("While REFUNDING: until then you have your money back.")
    )
    decide_by = serializers.DateTimeField(
        default_timezone=UTC,
        allow_null=True,
        help_text=_(
            "While we look for another place for your paid order, as you wished: until then it has one, or your money "
            "is on its way back."
        ),
    )
    surcharge = serializers.SerializerMethodField(
        help_text=_("After you lost your seat and wished to buy alone then: what is still to be paid; else null.")
    )
    queue = QueueSerializer(
        allow_null=True, help_text=_("While ACCEPTED: how long until you can pay; null afterwards.")
    )
    shipment = serializers.SerializerMethodField()
    server_time = serializers.SerializerMethodField()

    @extend_schema_field(SurchargeSerializer(allow_null=True))
    def get_surcharge(self, order: Order) -> dict[str, Any] | None:
        surcharge = surcharge_of(order)
        return None if surcharge is None else SurchargeSerializer(surcharge).data

    @extend_schema_field(ShipmentSerializer(allow_null=True))
    def get_shipment(self, order: Order) -> dict[str, Any] | None:
        shipment = self.context.get("shipments", {}).get(order.pk)
        return None if shipment is None else ShipmentSerializer(shipment).data

    @extend_schema_field(serializers.DateTimeField())
    def get_server_time(self, order: Order) -> str:
        moment: datetime = self.context.get("server_time") or timezone.now()
        return str(serializers.DateTimeField(default_timezone=UTC).to_representation(moment))


class OrderPaymentSerializer(serializers.Serializer[Any]):
    """The payment of an order; `expires_at` is told while it can be paid."""

    payment_id = IdField()
    gateway = serializers.CharField()
    state = serializers.CharField()
    amount_fen = serializers.IntegerField()
    refunded_fen = serializers.IntegerField(help_text=_("What has gone back of it, or is on its way."))
    expires_at = serializers.DateTimeField(default_timezone=UTC)
    paid_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)


class OrderRefundSerializer(serializers.Serializer[Any]):
    """Money of an order on its way back."""

    refund_no = serializers.CharField()
    amount_fen = serializers.IntegerField()
    reason = serializers.CharField()
    stage = serializers.ChoiceField(choices=[stage.value for stage in RefundStage])
    stage_text = serializers.CharField(help_text=_("How far it is, in your language."))
    latest_by = serializers.DateTimeField(default_timezone=UTC, help_text=_("Until then you have your money back."))
    finished_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)


class OrderWithMoneySerializer(OrderSerializer):
    """One of your orders with what became of its money."""

    # Context: also `money` (money.read_money).

    payment = serializers.SerializerMethodField()
    surcharge_payment = serializers.SerializerMethodField()
    refunds = serializers.SerializerMethodField()

    @extend_schema_field(OrderPaymentSerializer(allow_null=True))
    def get_payment(self, order: Order) -> dict[str, Any] | None:
        return _show_payment(self.context["money"].payment)

    @extend_schema_field(OrderPaymentSerializer(allow_null=True))
    def get_surcharge_payment(self, order: Order) -> dict[str, Any] | None:
        return _show_payment(self.context["money"].surcharge_payment)

    @extend_schema_field(OrderRefundSerializer(many=True))
    def get_refunds(self, order: Order) -> Any:
        return OrderRefundSerializer(self.context["money"].refunds, many=True).data


@extend_schema_field(
    {"type": "array", "items": ID_SCHEMA, "minItems": 1, "maxItems": MOST_COUPONS, "uniqueItems": True}
)
class CouponIdsField(serializers.ListField):
    child = IdField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": MOST_COUPONS, "allow_empty": False, **kwargs})


class CouponChoiceSerializer(serializers.Serializer[Any]):
    """The coupons that an order shall have; they replace those that it has."""

    coupon_ids = CouponIdsField()

    def validate_coupon_ids(self, coupon_ids: list[int]) -> list[int]:
        if len(set(coupon_ids)) < len(coupon_ids):
            raise serializers.ValidationError(_("Name each coupon once."), code="repeated")
        return coupon_ids


class UsedCouponSerializer(serializers.Serializer[CouponUse]):
    coupon_id = IdField()
    discount_fen = serializers.IntegerField(help_text=_("What it takes off this order."))


class UnitPriceSerializer(serializers.Serializer[Any]):
    units = serializers.IntegerField()
    amount_fen = serializers.IntegerField(help_text=_("What each of these units costs after the discount."))


class OrderCouponsSerializer(serializers.Serializer[Any]):
    """What coupons make of one of your orders."""

    order_id = IdField()
    sum_fen = serializers.IntegerField(help_text=_("Before any discount."))
    discount_fen = serializers.IntegerField()
    amount_fen = serializers.IntegerField(help_text=_("What is to be paid."))
    coupons = UsedCouponSerializer(many=True)
    units = UnitPriceSerializer(many=True, help_text=_("Whole fen a unit, whose sum is the amount."))
    fitting = CouponSerializer(many=True, help_text=_("Your further coupons that this order could take."))
    server_time = serializers.DateTimeField(default_timezone=UTC)


def _show_payment(payment: PaymentOfOrder | None) -> dict[str, Any] | None:
    return None if payment is None else OrderPaymentSerializer(payment).data
