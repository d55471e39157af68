from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CouponConfig(AppConfig):
    name = "pgs_web.trade.coupon"
    label = "coupon"
    verbose_name = _("Coupons")
