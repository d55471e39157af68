"""An order takes coupons, gives them back, and takes them again; always under the lock of the order's row."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import F, Q

from pgs_data.sharding.slots import slot_of_id, slot_of_key
from pgs_web.api.errors import NotFound
from pgs_web.trade.coupon.errors import CouponNotUsable
from pgs_web.trade.coupon.fitting import Purchase, discounts_of, require_fit, require_stackable, require_usable
from pgs_web.trade.coupon.models import CouponUse
from pgs_web.trade.coupon.services.door import lock_coupons, move_coupons
from pgs_web.trade.coupon.states import CouponState


def replace_coupons(*, alias: str, purchase: Purchase, coupon_ids: Sequence[int], now: datetime) -> list[CouponUse]:
    """Lets an order have just these coupons, and what it had before go back; returns what each takes off.

    Call it in the node transaction that holds the order's lock and writes its amount. Raises NotFound for another
    member's, CouponNotUsable, CouponDoesNotFit, CouponsDontStack and NothingLeftToDiscount, which must roll back.
    """
    if any(slot_of_id(coupon_id) != slot_of_key(purchase.member_id) for coupon_id in coupon_ids):
        # Another node may have it: it is another member's, in any case.
        raise NotFound
    had = _open_coupons(alias, [purchase.order_id])
    coupons = lock_coupons(alias=alias, coupon_ids={*had, *coupon_ids})
    _release(alias, had, now=now)
    CouponUse.objects.on_node(alias).filter(order_id=purchase.order_id).delete()
    wanted = [coupons[coupon_id] for coupon_id in coupon_ids if coupon_id in coupons]
    if len(wanted) < len(coupon_ids) or any(coupon.member_id != purchase.member_id for coupon in wanted):
        raise NotFound
    for coupon in wanted:
        if coupon.pk in had:
            coupon.state = CouponState.ISSUED
        require_usable(coupon, now=now)
        require_fit(coupon, purchase)
    require_stackable(wanted)
    discounts = discounts_of(wanted, sum_fen=purchase.sum_fen)
    taken = move_coupons(
        alias=alias,
        coupon_ids=coupon_ids,
        from_state=CouponState.ISSUED,
        to_state=CouponState.USED,
        now=now,
        condition=Q(expires_at__gt=now),
        order_id=purchase.order_id,
    )
    if taken != len(coupon_ids):
        raise CouponNotUsable
    return CouponUse.objects.bulk_create(
        CouponUse(
            order_id=purchase.order_id,
            coupon_id=coupon.pk,
            open_coupon_id=coupon.pk,
            discount_fen=discount,
            used_at=now,
        )
        for coupon, discount in zip(wanted, discounts, strict=True)
    )


def give_back_coupons(*, alias: str, order_ids: Collection[int], now: datetime) -> int:
    """Gives members the coupons of orders that came to nothing back; returns how many. In the transaction of the move.

    A coupon has the time that it has: one whose time is over is EXPIRED at once. Nothing happens the second time.
    """
    coupon_ids = _open_coupons(alias, order_ids)
    if not coupon_ids:
        return 0
    lock_coupons(alias=alias, coupon_ids=coupon_ids)
    _release(alias, coupon_ids, now=now)
    rows = CouponUse.objects.on_node(alias).filter(order_id__in=list(order_ids), open_coupon_id__isnull=False)
    return rows.update(open_coupon_id=None, ended_at=now)


def retake_coupons(*, alias: str, order_id: int, now: datetime) -> bool:
    """Lets an order that is taken up again have the coupons that it gave back, also expired ones; all or none.

    False when the member has used one of them for another order, or lost it: a False must roll back.
    """
    coupon_ids = list(CouponUse.objects.on_node(alias).filter(order_id=order_id).values_list("coupon_id", flat=True))
    lock_coupons(alias=alias, coupon_ids=coupon_ids)
    taken = sum(
        move_coupons(
            alias=alias,
            coupon_ids=coupon_ids,
            from_state=state,
            to_state=CouponState.USED,
            now=now,
            order_id=order_id,
        )
        for state in (CouponState.ISSUED, CouponState.EXPIRED)
    )
    if taken != len(coupon_ids):
        return False
    rows = CouponUse.objects.on_node(alias).filter(order_id=order_id)
    rows.update(open_coupon_id=F("coupon_id"), ended_at=None)
    return True


def _open_coupons(alias: str, order_ids: Collection[int]) -> list[int]:
    uses = CouponUse.objects.on_node(alias).filter(order_id__in=list(order_ids), open_coupon_id__isnull=False)
    return list(uses.values_list("coupon_id", flat=True))


def _release(alias: str, coupon_ids: Collection[int], *, now: datetime) -> None:
    for to_state, condition in (
        (CouponState.EXPIRED, Q(expires_at__lte=now)),
        (CouponState.ISSUED, Q(expires_at__gt=now)),
    ):
        move_coupons(
            alias=alias,
            coupon_ids=coupon_ids,
            from_state=CouponState.USED,
            to_state=to_state,
            now=now,
            condition=condition,
            order_id=None,
        )
