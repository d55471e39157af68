"""Addresses of acts on orders, below /api/v1/."""

from django.urls import path

from pgs_web.trade.order.views import CancelOrderView, ConfirmReceiptView, OrderCouponsView, RequestRefundView

app_name = "order"
urlpatterns = [
    path("orders/<id:order_id>/cancel/", CancelOrderView.as_view(), name="cancel"),
    path("orders/<id:order_id>/confirm-receipt/", ConfirmReceiptView.as_view(), name="confirm_receipt"),
    path("orders/<id:order_id>/coupons/", OrderCouponsView.as_view(), name="coupons"),
    path("orders/<id:order_id>/refund-requests/", RequestRefundView.as_view(), name="refund_requests"),
]
