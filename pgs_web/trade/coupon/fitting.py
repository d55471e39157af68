"""Which coupons fit which order, and what each takes off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from pgs_web.trade.coupon.errors import (
    CouponDoesNotFit,
    CouponNotUsable,
    CouponsDontStack,
    NothingLeftToDiscount,
    refuse_coupon_state,
)
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.states import CouponState
from pgs_web.trade.coupon.terms import EXCLUSIVE

# An order is never free: gateways take no payment of nothing.
SMALLEST_AMOUNT_FEN = 1


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What the coupons of an order are judged by; `sum_fen` is before any discount."""

    order_id: int
    member_id: int
    activity_id: int
    product_id: int | None
    mode: str
    quantity: int
    sum_fen: int


def require_usable(coupon: Coupon, *, now: datetime) -> None:
    """Raises CouponNotUsable unless it is ISSUED and in its time."""
    if coupon.state != CouponState.ISSUED:
        raise refuse_coupon_state(coupon.state)
    if not coupon.valid_from <= now < coupon.expires_at:
        raise CouponNotUsable(_("The coupon's time has not begun, or is over."))


def require_fit(coupon: Coupon, purchase: Purchase) -> None:
    """Raises CouponDoesNotFit with what is in the way."""
    if coupon.threshold_fen > purchase.sum_fen:
        raise CouponDoesNotFit(
            _("The coupon is for orders of %(threshold)d fen or more.") % {"threshold": coupon.threshold_fen}
        )
    if coupon.activity_id not in {None, purchase.activity_id}:
        raise CouponDoesNotFit(_("The coupon is for another activity."))
    if coupon.product_id not in {None, purchase.product_id}:
        raise CouponDoesNotFit(_("The coupon is for another product."))
    if coupon.mode not in {"", purchase.mode}:
        raise CouponDoesNotFit(_("The coupon is for orders in a group only, or alone only."))
    if coupon.price_fen is not None:
        _require_price_fit(coupon.price_fen, purchase)


def _require_price_fit(price_fen: int, purchase: Purchase) -> None:
    if purchase.quantity != 1:
        raise CouponDoesNotFit(_("The coupon is for an order of one unit."))
    if purchase.sum_fen <= price_fen:
        raise CouponDoesNotFit(_("The order costs no more than with the coupon: keep it."))


def fits(coupon: Coupon, purchase: Purchase) -> bool:
    """The same as an answer."""
    try:
        require_fit(coupon, purchase)
    except CouponDoesNotFit:
        return False
    return True


def require_stackable(coupons: Sequence[Coupon]) -> None:
    """Raises CouponsDontStack for two of a kind, anything beside an exclusive one, or too many."""
    kinds = {coupon.stack_group for coupon in coupons}
    is_crowded = EXCLUSIVE in kinds and len(coupons) > 1
    if is_crowded or len(kinds) < len(coupons) or len(coupons) > settings.COUPONS_AN_ORDER:
        raise CouponsDontStack


def discounts_of(coupons: Sequence[Coupon], *, sum_fen: int) -> list[int]:
    """What each takes off, in their order; the last may give less than it could, so that one fen is left to pay.

    Raises NothingLeftToDiscount for one that would give nothing.
    """
    left, discounts = sum_fen - SMALLEST_AMOUNT_FEN, []
    for coupon in coupons:
        # Of the order's own price: the activity's may have changed since the price was promised.
        worth = coupon.amount_fen if coupon.price_fen is None else sum_fen - coupon.price_fen
        discount = min(worth, left)
        if discount <= 0:
            raise NothingLeftToDiscount
        discounts.append(discount)
        left -= discount
    return discounts
