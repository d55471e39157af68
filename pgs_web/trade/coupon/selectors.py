"""Reads of coupons and of what they gave to orders."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id, alias_of_slot, slot_of_key
from pgs_web.api.errors import NotFound
from pgs_web.trade.coupon.fitting import Purchase, fits
from pgs_web.trade.coupon.models import Coupon, CouponUse
from pgs_web.trade.coupon.states import CouponState

# Of a member, looked at for one order: those that end first.
COUPONS_JUDGED = 200


def get_coupon(*, coupon_id: int) -> Coupon:
    """The coupon; raises NotFound."""
    coupon = Coupon.objects.filter(pk=coupon_id).first()
    if coupon is None:
        raise NotFound
    return coupon


def own_coupons(*, member_id: int, state: CouponState | None = None) -> QuerySet[Coupon]:
    """A member's coupons, of one state when one is given, each with the database's time as `now`.

    One whose time is over counts as EXPIRED from that moment on, whenever the sweep says so.
    """
    rows = Coupon.objects.on_node(alias_of_slot(slot_of_key(member_id))).filter(member_id=member_id)
    match state:
        case CouponState.ISSUED:
            rows = rows.filter(state=state, expires_at__gt=DatabaseNow())
        case CouponState.EXPIRED:
            rows = rows.filter(Q(state=state) | Q(state=CouponState.ISSUED, expires_at__lte=DatabaseNow()))
        case CouponState():
            rows = rows.filter(state=state)
    return rows.annotate(now=DatabaseNow())


def fitting_coupons(*, purchase: Purchase, now: datetime) -> list[Coupon]:
    """Those of the member's coupons that this order could take now by themselves, those that end first coming first."""
    usable = own_coupons(member_id=purchase.member_id, state=CouponState.ISSUED)
    rows = usable.filter(valid_from__lte=now).order_by("expires_at", "pk")[:COUPONS_JUDGED]
    return [coupon for coupon in rows if fits(coupon, purchase)]


def uses_of_order(*, order_id: int) -> Sequence[CouponUse]:
    """What coupons took off an order, also those that were given back when it came to nothing."""
    return list(CouponUse.objects.filter(order_id=order_id).order_by("pk"))


def has_promised_price(*, order_id: int) -> bool:
    """Whether a coupon of a promised price is or was on the order, also one that was given back when it was undone."""
    alias = alias_of_id(order_id)
    used = CouponUse.objects.on_node(alias).filter(order_id=order_id)
    promised = Coupon.objects.on_node(alias).filter(pk__in=used.values("coupon_id"), price_fen__isnull=False)
    return promised.exists()
