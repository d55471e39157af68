"""Orders as their shoppers' clients read them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from pgs_web.api.fields import IdField
from pgs_web.trade.delivery.models import Shipment
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.states import OrderState


class ShipmentSerializer(serializers.ModelSerializer[Shipment]):
    class Meta:
        model = Shipment
        fields = ("carrier", "tracking_no", "shipped_at")
        read_only_fields = fields


class OrderSerializer(serializers.ModelSerializer[Order]):
    """One order; give `shipments` (order id → Shipment) and `server_time` in the context."""

    order_id = IdField(source="pk")
    activity_id = IdField()
    sku_id = IdField()
    merchant_id = IdField()
    group_id = IdField(allow_null=True)
    address_id = IdField()
    mode = serializers.ChoiceField(choices=OrderMode.values)
    state = serializers.ChoiceField(choices=[state.value for state in OrderState])
    shipment = serializers.SerializerMethodField()
    refund_by = serializers.DateTimeField(
        allow_null=True, help_text=_("While REFUNDING: until then the money is back.")
    )
    server_time = serializers.SerializerMethodField(help_text=_("The shop's clock."))

    class Meta:
        model = Order
        fields = (
            "order_id",
            "state",
            "reason",
            "mode",
            "activity_id",
            "sku_id",
            "merchant_id",
            "group_id",
            "address_id",
            "quantity",
            "unit_price_fen",
            "discount_fen",
            "amount_fen",
            "accepted_at",
            "pay_by",
            "paid_at",
            "refund_by",
            "shipment",
            "server_time",
        )
        read_only_fields = fields

    def get_shipment(self, order: Order) -> ShipmentSerializer(allow_null=True):  # type: ignore[valid-type]
        shipment = self.context["shipments"].get(order.pk)
        return ShipmentSerializer(shipment).data if shipment else None

    def get_server_time(self, order: Order) -> serializers.DateTimeField():  # type: ignore[valid-type]
        value: Any = serializers.DateTimeField().to_representation(self.context["server_time"])
        return value
