"""Addresses of coupons, below /api/v1/."""

from django.urls import path

from pgs_web.trade.coupon.views import CouponsView

app_name = "coupon"
urlpatterns = [path("coupons/", CouponsView.as_view(), name="coupons")]
