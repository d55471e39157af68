"""Orders over HTTP: shoppers place them and read their own."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from pgs_web.api.errors import NotFound, TooManyRequests, Unavailable
from pgs_web.api.ids import read_id
from pgs_web.api.pagination import PAGE_PARAMETERS, invalid_parameter, read_page_size
from pgs_web.api.schema import refusals
from pgs_web.member.authentication import member_of
from pgs_web.trade.intake.errors import (
    AlreadyInGroup,
    Ended,
    GroupClosed,
    GroupFull,
    KeyReused,
    LimitExceeded,
    NotStarted,
    PassNeeded,
    PassNotValid,
    Paused,
    SoldOut,
    TooManyUnpaid,
)
from pgs_web.trade.intake.selectors import get_own_order, list_own_orders
from pgs_web.trade.intake.serializers import AcceptedOrderSerializer, OrderRequestSerializer
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.money import read_money
from pgs_web.trade.order.selectors import shipments_of
from pgs_web.trade.order.serializers import OrderSerializer, OrderWithMoneySerializer

KEY_HEADER = "Idempotency-Key"


class OwnOrdersPage(BasePagination):
    """For the schema: the view pages by itself, because orders on their way are in no table."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "nullable": True, "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return PAGE_PARAMETERS


class OrdersView(APIView):
    pagination_class = OwnOrdersPage

    @extend_schema(
        operation_id="orders_list",
        summary="List your orders",
        responses={200: OrderSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Your orders, newest first; accepted ones that aren't in a database yet are shown as ACCEPTED."""
        page = list_own_orders(member_id=member_of(request), limit=read_page_size(request), **_read_cursor(request))
        return Response(
            {
                "next": _link(request, "b", page.orders[-1].pk) if page.has_older and page.orders else None,
                "previous": _link(request, "a", page.orders[0].pk) if page.has_newer and page.orders else None,
                "results": _describe(page.orders),
            }
        )

    @extend_schema(
        operation_id="orders_place",
        summary="Buy",
        request=OrderRequestSerializer,
        parameters=[
            OpenApiParameter(
                KEY_HEADER,
                {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]{1,64}$"},
                OpenApiParameter.HEADER,
                required=True,
                description=(
                    "Chosen by you, one an order: the same key and body again are the same order. With another body it"
                    " is refused: `idempotency_key_reused`, or `sold_out` where nothing is left of what it asks for."
                ),
            )
        ],
        responses={
            202: OpenApiResponse(AcceptedOrderSerializer, description="It is yours; pay until `pay_by`."),
            **refusals(
                NotFound,
                SoldOut,
                LimitExceeded,
                GroupFull,
                GroupClosed,
                AlreadyInGroup,
                NotStarted,
                Ended,
                Paused,
                PassNeeded,
                PassNotValid,
                TooManyUnpaid,
                KeyReused,
                TooManyRequests,
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Opens a group, joins one (`group_id`), or buys alone (`mode`). 202: the order is on disk."""
        # Described here, answered by the receiving service, which stands in front of Django (config/asgi.py). Whoever
        # gets through to Django reached a process that takes no orders.
        raise Unavailable()


class OrderView(APIView):
    @extend_schema(operation_id="orders_read", summary="Read an order", responses={200: OrderWithMoneySerializer})
    def get(self, request: Request, order_id: int) -> Response:
        """One of your orders, with what became of its money."""
        order = get_own_order(member_id=member_of(request), order_id=order_id)
        context = {"shipments": shipments_of([order]), "server_time": timezone.now(), "money": read_money(order)}
        return Response(OrderWithMoneySerializer(order, context=context).data)


def _describe(orders: list[Order]) -> list[dict[str, Any]]:
    context = {"shipments": shipments_of(orders), "server_time": timezone.now()}
    return [dict(OrderSerializer(order, context=context).data) for order in orders]


def _read_cursor(request: Request) -> dict[str, int]:
    """`b<id>` goes on before that order, `a<id>` after it."""
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return {}
    order_id = read_id(cursor[1:])
    if cursor[:1] not in {"a", "b"} or order_id is None:
        raise invalid_parameter("cursor", _("Take the cursor from a page's next or previous."))
    return {"before_id" if cursor[0] == "b" else "after_id": order_id}


def _link(request: Request, side: str, order_id: int) -> str:
    return replace_query_param(request.build_absolute_uri(), "cursor", f"{side}{order_id}")
