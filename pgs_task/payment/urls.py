"""Addresses of payment, below /api/v1/."""

from django.urls import path

from pgs_task.payment.views import GatewaysView, NoticesView, PaymentsView, PaymentView, RefundsView

app_name = "payment"
urlpatterns = [
    path("payments/", PaymentsView.as_view(), name="payments"),
    path("payments/gateways/", GatewaysView.as_view(), name="gateways"),
    path("payments/<id:payment_id>/", PaymentView.as_view(), name="payment"),
    path("payments/notices/<slug:gateway>/", NoticesView.as_view(), name="notices"),
    path("refunds/", RefundsView.as_view(), name="refunds"),
]
