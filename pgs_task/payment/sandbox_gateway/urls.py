"""Addresses of the sandbox gateway, below /sandbox-gateway/."""

from django.urls import path

from pgs_task.payment.sandbox_gateway.views import fail, pay, statement

app_name = "sandbox_gateway"
urlpatterns = [
    path("payments/<id:payment_id>/pay/", pay, name="pay"),
    path("payments/<id:payment_id>/fail/", fail, name="fail"),
    path("statement/", statement, name="statement"),
]
