"""The only door of a coupon's state: table of moves and conditional UPDATE."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Q, Value
from django.db.models.functions import Concat

from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.states import MOVES, CouponState


def move_coupons(
    *,
    alias: str,
    coupon_ids: Collection[int],
    from_state: CouponState,
    to_state: CouponState,
    now: datetime,
    condition: Q | None = None,
    **changes: Any,
) -> int:
    """Moves those of a node's coupons that are in from_state and fit the condition; returns how many did."""
    if to_state not in MOVES[from_state]:
        raise ValueError(f"No coupon goes from {from_state} to {to_state}.")
    if not coupon_ids:
        return 0
    # An expression, so that rows are found by their primary key only: by the index of states MariaDB would lock, and
    # wait for, coupons of others as well, and two orders would wait for each other.
    rows = Coupon.objects.on_node(alias).alias(state_now=Concat("state", Value("")))
    rows = rows.filter(condition or Q(), pk__in=list(coupon_ids), state_now=from_state.value)
    return rows.update(state=to_state, changed_at=now, **changes)


def lock_coupons(*, alias: str, coupon_ids: Collection[int]) -> dict[int, Coupon]:
    """The rows, locked until the node transaction ends, by primary key and in its order: no two wait in a circle.

    Orders are locked before coupons, coupons before payments.
    """
    rows = Coupon.objects.on_node(alias).select_for_update().filter(pk__in=list(coupon_ids)).order_by("pk")
    return {coupon.pk: coupon for coupon in rows}
