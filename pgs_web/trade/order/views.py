"""What shoppers do with an order that they have; the intake's views place, list and show orders."""

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.api.errors import NotFound
from pgs_web.api.schema import refusals
from pgs_web.member.authentication import member_of
from pgs_web.trade.coupon.errors import CouponDoesNotFit, CouponNotUsable, CouponsDontStack, NothingLeftToDiscount
from pgs_web.trade.order.errors import PriceFixed, TimeToPayOver, WrongState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.selectors import describe_coupons, get_order, shipments_of
from pgs_web.trade.order.serializers import CouponChoiceSerializer, OrderCouponsSerializer, OrderSerializer
from pgs_web.trade.order.services import cancel_own_order, confirm_own_receipt, request_refund, use_coupons

RESPONSES: dict[Any, Any] = {200: OrderSerializer, **refusals(WrongState)}


class OwnOrderAct(APIView):
    """One act on one of the member's orders; the answer is the order as it is afterwards."""

    act: ClassVar[Callable[..., Order]]

    def perform(self, request: Request, order_id: int) -> Response:
        """Does the act; somebody else's order is 404, one in another state 409."""
        order = type(self).act(member_id=member_of(request), order_id=order_id)
        context = {"shipments": shipments_of([order]), "server_time": database_now(alias_of_id(order_id))}
        return Response(OrderSerializer(order, context=context).data)


class CancelOrderView(OwnOrderAct):
    act = cancel_own_order

    @extend_schema(operation_id="orders_cancel", summary="Cancel an order", request=None, responses=RESPONSES)
    def post(self, request: Request, order_id: int) -> Response:
        """Cancels an order that you have not paid; units and seat go back."""
        return self.perform(request, order_id)


class ConfirmReceiptView(OwnOrderAct):
    act = confirm_own_receipt

    @extend_schema(operation_id="orders_confirm_receipt", summary="Confirm receipt", request=None, responses=RESPONSES)
    def post(self, request: Request, order_id: int) -> Response:
        """Says that the goods of a SHIPPED order have arrived."""
        return self.perform(request, order_id)


class RequestRefundView(OwnOrderAct):
    act = request_refund

    @extend_schema(operation_id="orders_request_refund", summary="Ask for a refund", request=None, responses=RESPONSES)
    def post(self, request: Request, order_id: int) -> Response:
        """Gives up a paid order before it ships; the money goes back the way it came until `refund_by`."""
        return self.perform(request, order_id)


class OrderCouponsView(APIView):
    @extend_schema(
        operation_id="order_coupons_read",
        summary="Coupons of an order",
        responses={200: OrderCouponsSerializer, **refusals(NotFound, WrongState)},
    )
    def get(self, request: Request, order_id: int) -> Response:
        """What coupons take off your order, and which others would fit it."""
        return self._show(get_order(order_id=order_id, member_id=member_of(request)))

    @extend_schema(
        operation_id="order_coupons_use",
        summary="Use coupons for an order",
        request=CouponChoiceSerializer,
        responses={
            200: OrderCouponsSerializer,
            **refusals(
                *(NotFound, WrongState, TimeToPayOver, PriceFixed),
                *(CouponNotUsable, CouponDoesNotFit, CouponsDontStack, NothingLeftToDiscount),
            ),
        },
    )
    def post(self, request: Request, order_id: int) -> Response:
        """Lets an order that you haven't begun to pay have just these coupons; others that it had are yours again."""
        chosen = CouponChoiceSerializer(data=request.data)
        chosen.is_valid(raise_exception=True)
        return self._use(request, order_id, chosen.validated_data["coupon_ids"])

    @extend_schema(
        operation_id="order_coupons_take_off",
        summary="Take the coupons off an order",
        responses={200: OrderCouponsSerializer, **refusals(NotFound, WrongState, TimeToPayOver, PriceFixed)},
    )
    def delete(self, request: Request, order_id: int) -> Response:
        """Takes all coupons off an order that you haven't begun to pay; they are yours again."""
        return self._use(request, order_id, [])

    def _use(self, request: Request, order_id: int, coupon_ids: list[int]) -> Response:
        return self._show(use_coupons(member_id=member_of(request), order_id=order_id, coupon_ids=coupon_ids))

    def _show(self, order: Order) -> Response:
        return Response(OrderCouponsSerializer(describe_coupons(order)).data)
