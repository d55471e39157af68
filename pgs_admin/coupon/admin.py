"""Members' coupons in the back office: looked at, and withdrawn while they aren't used."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from pgs_admin.acts import make_act
from pgs_admin.filters import make_filter
from pgs_admin.sharded import ShardedAdmin
from pgs_admin.tables import link, show_yuan
from pgs_admin.words import show_code
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

    @display(description=gettext_lazy("state"))
    def show_state(self, coupon: Coupon) -> SafeString:
        return show_code(coupon.state, STATE_COLOURS)

    @display(description=gettext_lazy("member"))
    def show_member(self, coupon: Coupon) -> SafeString:
        return link("member_member", coupon.member_id)

    @display(description=gettext_lazy("order"))
    def show_order(self, coupon: Coupon) -> SafeString:
        return link("order_order", coupon.order_id)

    @display(description=gettext_lazy("takes off"))
    def show_amount(self, coupon: Coupon) -> str:
        return show_yuan(coupon.amount_fen)

    @display(description=gettext_lazy("from an order of"))
    def show_threshold(self, coupon: Coupon) -> str:
        return show_yuan(coupon.threshold_fen)

    @display(description=gettext_lazy("one unit costs"))
    def show_price(self, coupon: Coupon) -> str:
        return show_yuan(coupon.price_fen)
