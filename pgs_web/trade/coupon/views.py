"""Coupons over HTTP; the order room's views let an order take them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from pgs_web.api.pagination import PageCursor, invalid_parameter
from pgs_web.member.authentication import member_of
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.selectors import own_coupons
from pgs_web.trade.coupon.serializers import STATES, CouponSerializer
from pgs_web.trade.coupon.states import CouponState


class CouponsView(ListAPIView[Coupon]):
    serializer_class = CouponSerializer
    pagination_class = PageCursor
    queryset = Coupon.objects.none()

    @extend_schema(
        operation_id="coupons_list",
        summary="Your coupons",
        parameters=[OpenApiParameter("state", str, enum=STATES, description="Only those in this state.")],
        responses={200: CouponSerializer(many=True)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your coupons, newest first."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        state = self.request.query_params.get("state")
        if state is not None and state not in STATES:
            raise invalid_parameter("state", _("Give one of the states of a coupon."))
        return own_coupons(member_id=member_of(self.request), state=CouponState(state) if state else None)
