"""After-sale requests over HTTP: shoppers ask for money back for goods that have left."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pgs_web.api.errors import NotFound
from pgs_web.api.ids import read_id
from pgs_web.api.pagination import PageCursor, invalid_parameter
from pgs_web.api.schema import ID_SCHEMA, refusals
from pgs_web.member.authentication import member_of
from pgs_web.trade.after_sale.errors import (
    AfterSaleOver,
    AmountTooLarge,
    RequestOpen,
    TooManyRequestsOfOrder,
    TooManyUnits,
    WrongRequestState,
)
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.selectors import get_own_request, own_requests
from pgs_web.trade.after_sale.serializers import AfterSaleSerializer, AskSerializer, ParcelSerializer
from pgs_web.trade.after_sale.services import RequestWish, ask_for_refund, take_back_request, tell_parcel
from pgs_web.trade.after_sale.states import RequestCause, RequestKind
from pgs_web.trade.order.errors import WrongState


def _show(member_id: int, request_id: int, *, status: int = 200) -> Response:
    request = get_own_request(member_id=member_id, request_id=request_id)
    return Response(AfterSaleSerializer(request).data, status=status)


class AfterSaleRequestsView(ListAPIView[AfterSaleRequest]):
    serializer_class = AfterSaleSerializer
    pagination_class = PageCursor
    queryset = AfterSaleRequest.objects.none()

    @extend_schema(
        operation_id="after_sale_list",
        summary="Your after-sale requests",
        parameters=[OpenApiParameter("order_id", ID_SCHEMA, description="Only those of this order of yours.")],
        responses={200: AfterSaleSerializer(many=True)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your after-sale requests, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="after_sale_ask",
        summary="Ask for after-sale service",
        request=AskSerializer,
        responses={
            201: OpenApiResponse(AfterSaleSerializer, description="We have it, and decide until `latest_by`."),
            200: OpenApiResponse(AfterSaleSerializer, description="The open request, which says the same."),
            **refusals(
                NotFound, WrongState, RequestOpen, AfterSaleOver, AmountTooLarge, TooManyUnits, TooManyRequestsOfOrder
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Asks for money back for an order that has left, all of it or a part; with or without sending goods back."""
        asked = AskSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values, member_id = asked.validated_data, member_of(request)
        wish = RequestWish(
            kind=RequestKind(values["kind"]),
            cause=RequestCause(values["cause"]),
            amount_fen=values["amount_fen"],
            quantity=values.get("quantity"),
            text=values.get("text", ""),
        )
        made, is_new = ask_for_refund(member_id=member_id, order_id=values["order_id"], wish=wish)
        return _show(member_id, made.pk, status=201 if is_new else 200)

    def get_queryset(self) -> Any:
        order_id = None
        if "order_id" in self.request.query_params:
            order_id = read_id(self.request.query_params["order_id"])
            if order_id is None:
                raise invalid_parameter("order_id", _("Give the id of one of your orders."))
        return own_requests(member_id=member_of(self.request), order_id=order_id)


class AfterSaleRequestView(APIView):
    @extend_schema(
        operation_id="after_sale_read", summary="Read an after-sale request", responses={200: AfterSaleSerializer}
    )
    def get(self, request: Request, request_id: int) -> Response:
        """One of your after-sale requests."""
        return _show(member_of(request), request_id)


class TakeBackView(APIView):
    @extend_schema(
        operation_id="after_sale_cancel",
        summary="Take an after-sale request back",
        request=None,
        responses={200: AfterSaleSerializer, **refusals(WrongRequestState)},
    )
    def post(self, request: Request, request_id: int) -> Response:
        """Takes a request back, as long as no money is on its way."""
        take_back_request(member_id=member_of(request), request_id=request_id)
        return _show(member_of(request), request_id)


class ParcelView(APIView):
    @extend_schema(
        operation_id="after_sale_parcel",
        summary="Tell the parcel that goes back",
        request=ParcelSerializer,
        responses={200: AfterSaleSerializer, **refusals(WrongRequestState)},
    )
    def post(self, request: Request, request_id: int) -> Response:
        """Says that the goods of an approved return are on their way."""
        told = ParcelSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        tell_parcel(member_id=member_of(request), request_id=request_id, **told.validated_data)
        return _show(member_of(request), request_id)
