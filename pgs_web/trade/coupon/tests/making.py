"""Coupons and campaigns for tests."""

import itertools
from datetime import timedelta
from typing import Any

from pgs_data.clock import database_now
from pgs_web.trade.coupon.models import Coupon, CouponCampaign
from pgs_web.trade.coupon.services import issue_coupon, open_campaign
from pgs_web.trade.coupon.terms import EXCLUSIVE, CouponTerms, PriceTerms

_numbers = itertools.count(1)


def make_terms(
    *, begins_in: timedelta = timedelta(0), lasts: timedelta = timedelta(days=1), **terms: Any
) -> CouponTerms:
    """¥1 off anything for a day."""
    begins = database_now("default") - timedelta(seconds=1) + begins_in
    return CouponTerms(
        **{"title": "¥1", "amount_fen": 100, "valid_from": begins, "expires_at": begins + lasts, **terms}
    )


def issue(*, member_id: int = 10, reference: str = "", **terms: Any) -> Coupon:
    """A coupon of its own cause."""
    reference = reference or f"test-{next(_numbers)}"
    return issue_coupon(issuer="test", reference=reference, member_id=member_id, terms=make_terms(**terms))


def promise(*, activity_id: int, price_fen: int, member_id: int = 10, **terms: Any) -> Coupon:
    """A coupon with which one unit of the activity costs so much."""
    values = make_terms(**terms).columns() | {"activity_id": activity_id, "mode": "alone", "price_fen": price_fen}
    made = PriceTerms(**{**values, "stack_group": terms.get("stack_group", EXCLUSIVE)})
    return issue_coupon(issuer="test", reference=f"test-{next(_numbers)}", member_id=member_id, terms=made)


def let_end(coupon: Coupon) -> None:
    """Its time is over since a moment."""
    now = database_now(coupon._state.db or "default")
    Coupon.objects.filter(pk=coupon.pk).update(expires_at=now - timedelta(seconds=1))


def make_campaign(*, total_count: int = 10, member_ids: tuple[int, ...] = (), **terms: Any) -> CouponCampaign:
    """A campaign that may cost just what its coupons can."""
    made = make_terms(**terms)
    return open_campaign(
        terms=made,
        total_count=total_count,
        envelope_fen=total_count * made.amount_fen,
        member_ids=member_ids,
        actor="test",
    )
