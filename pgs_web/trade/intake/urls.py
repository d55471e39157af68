"""Addresses of the intake, below /api/v1/."""

from django.urls import path

from pgs_web.trade.intake.views import OrdersView, OrderView

app_name = "intake"
urlpatterns = [
    path("orders/", OrdersView.as_view(), name="orders"),
    path("orders/<id:order_id>/", OrderView.as_view(), name="order"),
]
