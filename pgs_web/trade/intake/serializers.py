"""An order as its shopper sends it, and what they are told at once."""

from datetime import UTC
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from pgs_web.api.fields import CodeField, IdField, StrictIntegerField
from pgs_web.trade.intake.passes import ENTRY_PATTERN
from pgs_web.trade.order.models import OrderMode
from pgs_web.trade.order.serializers import QueueSerializer
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.order.wishes import OnLatePayment, OnLostSeat

# More units than any offer's limit; the limit of the activity is judged by the admission.
LARGEST_QUANTITY = 100_000


class OrderRequestSerializer(serializers.Serializer[Any]):
    """Other fields are ignored: prices, states and members are never taken from a request."""

    activity_id = IdField(help_text=_("The offer to buy."))
    quantity = StrictIntegerField(min_value=1, max_value=LARGEST_QUANTITY, help_text=_("Units."))
    address_id = IdField(help_text=_("One of your addresses."))
    group_id = IdField(
        required=False, allow_null=True, default=None, help_text=_("The group to join; leave it out to open one.")
    )
    mode = CodeField(
        codes=OrderMode.values, required=False, default=OrderMode.GROUP.value, help_text=_("`alone`: without a group.")
    )
    on_late_payment = CodeField(
        codes=OnLatePayment,
        required=False,
        default=OnLatePayment.REFUND.value,
        help_text=_(
            "If your payment arrives after the order was cancelled: `refund` sends the money back, `retry` takes the "
            "order up again while units and your seat are left."
        ),
    )
    on_lost_seat = CodeField(
        codes=OnLostSeat,
        required=False,
        default=OnLostSeat.REFUND.value,
        help_text=_(
            "If your group fails, or is full, after you paid: `refund` sends the money back, `move` joins the group "
            "of the same offer that is nearest to its end, `lead` opens a new one while the offer runs, `alone` buys "
            "without a group for a surcharge that you pay then (`surcharge` of the order). Where that is impossible, "
            "or isn't paid in time, the money goes back."
        ),
    )

    entry_pass = serializers.RegexField(
        ENTRY_PATTERN,
        required=False,
        allow_null=True,
        default=None,
        help_text=_("The pass that a game gave you; offers whose `play` isn't `standard` are sold to who has one."),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["mode"] == OrderMode.ALONE and attrs["group_id"] is not None:
            raise serializers.ValidationError(
                {"group_id": [_("Leave it out: an order bought alone has no group.")]}, code="invalid"
            )
        return attrs


class AcceptedOrderSerializer(serializers.Serializer[Any]):
    """The answer to an order that is in; the same key and body bring it again."""

    order_id = IdField()
    group_id = IdField(allow_null=True)
    state = serializers.ChoiceField(choices=[OrderState.ACCEPTED.value])
    amount_fen = serializers.IntegerField()
    pay_by = serializers.DateTimeField(default_timezone=UTC)
    queue = QueueSerializer()
    server_time = serializers.DateTimeField(
        default_timezone=UTC, help_text=_("When the order was accepted, by the shop's clock.")
    )
