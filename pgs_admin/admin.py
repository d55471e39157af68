"""Django looks for an app's `admin` module: here are the back office's rooms."""

from django.contrib import admin as django_admin
from django.utils.translation import gettext_lazy as _

from pgs_admin.activity import admin as activity
from pgs_admin.after_sale import admin as after_sale
from pgs_admin.coupon import admin as coupon
from pgs_admin.coupon import campaigns
from pgs_admin.group import admin as group
from pgs_admin.group import extensions, guarantees
from pgs_admin.member import admin as member
from pgs_admin.operator import admin as operator
from pgs_admin.order import admin as order
from pgs_admin.order import rescues
from pgs_admin.payment import admin as payment
from pgs_admin.payment import anomalies
from pgs_admin.play import pages as play
from pgs_admin.product import admin as product
from pgs_admin.statements import admin as statements

__all__ = [
    "activity",
    "after_sale",
    "anomalies",
    "campaigns",
    "coupon",
    "extensions",
    "group",
    "guarantees",
    "member",
    "operator",
    "order",
    "payment",
    "play",
    "product",
    "rescues",
    "statements",
]

django_admin.site.index_template = "pgs_admin/index.html"
django_admin.site.index_title = _("Overview")
