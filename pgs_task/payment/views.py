"""Payments over HTTP: shoppers start and read them, gateways tell about them."""

from typing import Any

import structlog
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_task.payment.configuration.errors import GatewayClosed, GatewayLimit
from pgs_task.payment.configuration.memory import current_configuration
from pgs_task.payment.errors import (
    BadSignature,
    MalformedNotice,
    NumberTaken,
    PayByPassed,
    PaymentNotReady,
    StaleNotice,
    UnknownPayment,
    WrongAmount,
    WrongApp,
)
from pgs_task.payment.gateways.contract import GatewayReply
from pgs_task.payment.models import Refund
from pgs_task.payment.sandbox_gateway.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER
from pgs_task.payment.selectors import get_payment, refunds_of_order
from pgs_task.payment.serializers import (
    OfferedGatewaysSerializer,
    PaymentSerializer,
    RefundSerializer,
    SandboxNoticeSerializer,
    StartedPaymentSerializer,
    StartPaymentSerializer,
)
from pgs_task.payment.services import receive_notice, refuse_notice, start_payment
from pgs_web.api.errors import BodyTooLarge, NotFound
from pgs_web.api.ids import read_id
from pgs_web.api.pagination import PageCursor, invalid_parameter
from pgs_web.api.parsers import LARGEST_BODY
from pgs_web.api.schema import ID_SCHEMA, refusals
from pgs_web.member.authentication import member_of
from pgs_web.trade.order.errors import WrongState

security_log = structlog.get_logger("pgs.security")


class PaymentsView(APIView):
    @extend_schema(
        operation_id="payments_start",
        summary="Start a payment",
        request=StartPaymentSerializer,
        responses={
            201: OpenApiResponse(StartedPaymentSerializer, description="A payment was opened."),
            200: OpenApiResponse(StartedPaymentSerializer, description="The payment that is open already."),
            **refusals(NotFound, PaymentNotReady, PayByPassed, WrongState, GatewayClosed, GatewayLimit),
        },
    )
    def post(self, request: Request) -> Response:
        """Opens a payment of an unpaid order of yours, or of its surcharge, or returns the one that is open."""
        wanted = StartPaymentSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        started = start_payment(
            member_id=member_of(request),
            order_id=wanted.validated_data["order_id"],
            gateway_code=wanted.validated_data["gateway"],
            shop_url=f"{request.scheme}://{request.get_host()}",
            client_address=request.META.get("REMOTE_ADDR", ""),
            payer_openid=wanted.validated_data.get("openid", ""),
        )
        return Response(StartedPaymentSerializer(started).data, status=201 if started.is_new else 200)


class GatewaysView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="payments_gateways",
        summary="Where one can pay",
        auth=[],
        responses={200: OfferedGatewaysSerializer},
    )
    def get(self, request: Request) -> Response:
        """The gateways that take new payments at the moment, in the order in which to show them."""
        return Response(OfferedGatewaysSerializer(current_configuration()).data)


class PaymentView(APIView):
    @extend_schema(operation_id="payments_read", summary="Read a payment", responses={200: PaymentSerializer})
    def get(self, request: Request, payment_id: int) -> Response:
        """One of your payments."""
        return Response(PaymentSerializer(get_payment(payment_id=payment_id, member_id=member_of(request))).data)


class RefundsView(ListAPIView[Refund]):
    serializer_class = RefundSerializer
    pagination_class = PageCursor
    queryset = Refund.objects.none()

    @extend_schema(
        operation_id="refunds_list",
        summary="Refunds of an order",
        parameters=[OpenApiParameter("order_id", ID_SCHEMA, required=True, description="An order of yours.")],
        responses={200: RefundSerializer(many=True), **refusals(NotFound)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The refunds of one of your orders."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        order_id = read_id(self.request.query_params.get("order_id"))
        if order_id is None:
            raise invalid_parameter("order_id", _("Give the id of one of your orders."))
        return refunds_of_order(order_id=order_id, member_id=member_of(self.request))


class NoticesView(APIView):
    """Open to everybody: what counts is the signature over the raw body."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    # A gateway that is throttled would tell later what the shopper waits for now.
    throttle_classes = ()

    @extend_schema(
        operation_id="payments_notify",
        summary="A gateway's notice",
        auth=[],
        request=SandboxNoticeSerializer,
        parameters=[
            OpenApiParameter(
                TIMESTAMP_HEADER, OpenApiTypes.STR, OpenApiParameter.HEADER, required=True, description="Unix seconds."
            ),
            OpenApiParameter(
                SIGNATURE_HEADER,
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                required=True,
                description="Hex HMAC-SHA256 over timestamp, line feed and raw body.",
            ),
        ],
        responses={
            (200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, description="`success`: it is booked."),
            **refusals(BadSignature, StaleNotice, MalformedNotice, WrongApp, UnknownPayment, WrongAmount, NumberTaken),
        },
    )
    def post(self, request: Request, gateway: str) -> HttpResponse:
        """Takes a signed message of a payment gateway; the same message again changes nothing.

        Described is the sandbox gateway's. `alipay` sends the form of its asynchronous notice and hears `success` or
        `fail`. `wechat` sends its v3 JSON and hears 204, or `{"code": "FAIL", "message": …}` with the refusal's status.
        """
        raw = request._request
        # The bytes as they came: a signature is over bytes, and nothing unsigned is parsed.
        body = raw.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            # Of a server in front of this view that doesn't measure; nothing of it is looked at.
            security_log.warning("payment_notice_refused", gateway=gateway, code=BodyTooLarge.code, length=len(body))
            raise BodyTooLarge
        reply = receive_notice(
            gateway_code=gateway, headers=raw.headers, body=body, client=raw.META.get("REMOTE_ADDR", "")
        )
        return _answer(reply)

    def handle_exception(self, exc: Exception) -> Response:
        """Tells the gateway in its own words; a bug and an outage are told so too, and it sends again."""
        response = super().handle_exception(exc)
        problem = response.data or {}
        reply = refuse_notice(
            gateway_code=self.kwargs["gateway"],
            status=response.status_code,
            code=str(problem.get("code", "")),
            detail=str(problem.get("detail", "")),
        )
        if reply is None:
            return response
        answer = _answer(reply)
        if "Retry-After" in response.headers:
            answer.headers["Retry-After"] = response.headers["Retry-After"]
        return answer  # type: ignore[return-value]


def _answer(reply: GatewayReply) -> HttpResponse:
    return HttpResponse(reply.body, status=reply.status, content_type=reply.content_type)
