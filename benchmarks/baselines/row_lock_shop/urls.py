"""Its one address and view."""

from django.db import IntegrityError, transaction
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.baselines.row_lock_shop.models import Order, Stock


class OrderSerializer(serializers.Serializer):
    activity_id = serializers.IntegerField(min_value=1)
    address_id = serializers.IntegerField(min_value=1)
    quantity = serializers.IntegerField(min_value=1)


class OrdersView(APIView):
    def post(self, request: Request) -> Response:
        """One order, or 409."""
        wanted = OrderSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        order = wanted.validated_data
        try:
            with transaction.atomic():
                stock = Stock.objects.select_for_update().get(pk=order["activity_id"])
                if stock.remain < order["quantity"]:
                    return Response({"code": "sold_out"}, status=409)
                stock.remain -= order["quantity"]
                stock.save(update_fields=["remain"])
                placed = Order.objects.create(
                    member_id=request.user.id,
                    amount_fen=stock.price_fen * order["quantity"],
                    idempotency_key=request.headers["Idempotency-Key"],
                    **order,
                )
        except IntegrityError:
            return Response({"code": "idempotency_key_reused"}, status=422)
        return Response({"order_id": str(placed.pk), "amount_fen": placed.amount_fen}, status=202)


urlpatterns = [path("api/v1/orders/", OrdersView.as_view())]
