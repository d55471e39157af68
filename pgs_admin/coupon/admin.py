"""Members' coupons in the back office: looked at, and withdrawn while they aren't used."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgs_admin.acts import make_act
from pgs_admin.filters import make_filter
from pgs_admin.sharded import ShardedAdmin
from pgs_admin.tables import column, link_to, show_yuan
from pgs_admin.words import coloured
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.services import withdraw_coupon
from pgs_web.trade.coupon.states import CouponState

STATE_COLOURS = {
    CouponState.ISSUED.value: "info",
    CouponState.USED.value: "success",
    CouponState.WITHDRAWN.value: "danger",
}


def _withdraw(request: HttpRequest, coupon_id: int, values: dict[str, Any]) -> str:
    withdraw_coupon(coupon_id=coupon_id)
    return _("Withdrawn; no order can take it any more.")


@admin.register(Coupon)
class CouponAdmin(ShardedAdmin):
    list_display = ("id", "show_state", "member_id", "title", "show_amount", "show_threshold", "issuer", "expires_at")
    list_filter = (make_filter("state", gettext_lazy("state"), list(CouponState)),)
    search_fields = ("id", "member_id", "order_id")
    search_help_text = gettext_lazy("Number of a coupon, a member or an order")
    actions_detail = ["withdraw_coupon"]
    fields = (
        ("id", "show_state"),
        ("show_member", "show_order"),
        ("title", "stack_group"),
        ("show_amount", "show_threshold", "show_price"),
        ("product_id", "activity_id", "mode"),
        ("valid_from", "expires_at"),
        ("issuer", "issue_reference"),
        ("issued_at", "changed_at"),
    )
    withdraw_coupon = make_act(
        name="withdraw_coupon",
        title=gettext_lazy("Withdraw"),
        permission="coupon.withdraw_coupon",
        model=Coupon,
        deed=_withdraw,
        icon="block",
        states={CouponState.ISSUED},
        is_grave=True,
    )

    show_state = column(gettext_lazy("state"), "state", coloured(STATE_COLOURS))
    show_member = column(gettext_lazy("member"), "member_id", link_to("member_member"))
    show_order = column(gettext_lazy("order"), "order_id", link_to("order_order"))
    show_amount = column(gettext_lazy("takes off"), "amount_fen", show_yuan)
    show_threshold = column(gettext_lazy("from an order of"), "threshold_fen", show_yuan)
    show_price = column(gettext_lazy("one unit costs"), "price_fen", show_yuan)
