"""Payments and refunds as shoppers' clients write and read them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pgs_task.payment.gateways.registry import gateway_codes
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.selectors import STAGE_TEXTS, stage_of
from pgs_task.payment.states import NoticeStatus, PaymentState, RefundState
from pgs_web.api.fields import CodeField, IdField
from pgs_web.trade.order.dues import DuePurpose
from pgs_web.trade.order.money import RefundStage


class StartPaymentSerializer(serializers.Serializer[Any]):
    order_id = IdField(help_text=_("The order to pay."))
    openid = serializers.RegexField(
        r"^[A-Za-z0-9_-]{1,128}$",
        required=False,
        help_text=_("Your openid in WeChat, to pay inside WeChat; other gateways don't read it."),
    )

    def get_fields(self) -> dict[str, serializers.Field]:
        # Made for each request: the gateways that are on are a setting.
        return {
            **super().get_fields(),
            "gateway": CodeField(codes=gateway_codes(), help_text=_("Where to pay.")),
        }


class OfferedGatewaySerializer(serializers.Serializer[Any]):
    gateway = serializers.CharField(source="code")
    largest_fen = serializers.IntegerField(
        allow_null=True, help_text=_("The largest amount that it takes at once; null for any.")
    )


class OfferedGatewaysSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text=_("Number of the configuration that this server runs with."))
    results = OfferedGatewaySerializer(many=True, source="offered")


class PayInstructionSerializer(serializers.Serializer[Any]):
    """What the client does in order to pay; which fields are there depends on the gateway.

    `sandbox`: call `url` with POST, or `fail_url` to play a failure. `alipay`: open `url` (GET) in the browser.
    `wechat`: open `url` (GET) in a browser outside of WeChat; or, started with an `openid`, hand the fields from
    `appId` on to `WeixinJSBridge.invoke("getBrandWCPayRequest", …)` as they are (JSAPI).
    """

    method = serializers.CharField(help_text=_("POST or GET: how to call the address; or JSAPI."))
    url = serializers.CharField(required=False, help_text=_("Not with JSAPI."))
    fail_url = serializers.CharField(required=False, help_text=_("`sandbox` only."))
    appId = serializers.CharField(required=False, help_text=_("With JSAPI."))  # noqa: N815
    timeStamp = serializers.CharField(required=False, help_text=_("With JSAPI."))  # noqa: N815
    nonceStr = serializers.CharField(required=False, help_text=_("With JSAPI."))  # noqa: N815
    package = serializers.CharField(required=False, help_text=_("With JSAPI."))
    signType = serializers.CharField(required=False, help_text=_("With JSAPI."))  # noqa: N815
    paySign = serializers.CharField(required=False, help_text=_("With JSAPI."))  # noqa: N815


class StartedPaymentSerializer(serializers.Serializer[Any]):
    payment_id = IdField(source="payment.pk")
    gateway = serializers.CharField(source="payment.gateway")
    purpose = serializers.ChoiceField(
        source="payment.purpose",
        choices=[purpose.value for purpose in DuePurpose],
        help_text=_("What it pays: the order, or the surcharge for buying it alone after its seat was lost."),
    )
    amount_fen = serializers.IntegerField(source="payment.amount_fen")
    state = serializers.ChoiceField(source="payment.state", choices=[state.value for state in PaymentState])
    expires_at = serializers.DateTimeField(source="payment.expires_at")
    pay = PayInstructionSerializer()
    server_time = serializers.DateTimeField(source="now")


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    payment_id = IdField(source="pk")
    order_id = IdField()
    server_time = serializers.DateTimeField(source="now", help_text=_("The shop's clock."))

    class Meta:
        model = Payment
        fields = (
            "payment_id",
            "order_id",
            "purpose",
            "gateway",
            "amount_fen",
            "currency",
            "state",
            "refunded_fen",
            "created_at",
            "expires_at",
            "paid_at",
            "server_time",
        )
        read_only_fields = fields


class RefundSerializer(serializers.ModelSerializer[Refund]):
    payment_id = IdField()
    order_id = IdField()
    state = serializers.ChoiceField(choices=[state.value for state in RefundState])
    stage = serializers.SerializerMethodField(help_text=_("How far it is."))
    stage_text = serializers.SerializerMethodField(help_text=_("How far it is, in your language."))
    latest_by = serializers.DateTimeField(help_text=_("Until then you have your money back."))
    server_time = serializers.DateTimeField(source="now", help_text=_("The shop's clock."))

    class Meta:
        model = Refund
        fields = (
            "refund_no",
            "payment_id",
            "order_id",
            "gateway",
            "amount_fen",
            "reason",
            "state",
            "stage",
            "stage_text",
            "created_at",
            "latest_by",
            "finished_at",
            "server_time",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=[stage.value for stage in RefundStage]))
    def get_stage(self, refund: Refund) -> str:
        return stage_of(refund).value

    def get_stage_text(self, refund: Refund) -> str:
        return str(STAGE_TEXTS[stage_of(refund)])


class SandboxNoticeSerializer(serializers.Serializer[Any]):
    """A notice of the sandbox gateway, signed over its bytes as they are sent."""

    # For the documentation only: the adapter reads the bytes itself.

    notice_id = serializers.CharField(max_length=64)
    app_id = serializers.CharField()
    payment_id = serializers.CharField()
    trade_no = serializers.CharField(max_length=64)
    amount_fen = serializers.IntegerField(min_value=1)
    currency = serializers.CharField()
    status = serializers.ChoiceField(choices=[status.value for status in NoticeStatus])
    paid_at = serializers.DateTimeField(allow_null=True)
