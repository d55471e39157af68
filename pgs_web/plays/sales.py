"""What a round is about has to be on sale, and who comes to its end is promised a price for it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from pgs_data.clock import database_now
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_web.api.errors import Refusal, Unavailable
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.plays.round_models import RoundModel
from pgs_web.trade.coupon.models import Mode
from pgs_web.trade.coupon.services import issue_coupon
from pgs_web.trade.coupon.terms import PriceTerms


@dataclass(frozen=True, kw_only=True)
class PromisedPrice:
    """The coupon of a promised price, and until when it can be used."""

    coupon_id: int
    buy_by: datetime


def require_on_sale(activity_id: int, *, refusal: type[Refusal]) -> Activity:
    """The activity, which can be bought now; two queries of `default`. Raises the refusal, also while it is PAUSED."""
    activity = Activity.objects.filter(pk=activity_id, state=ActivityState.RUNNING).first()
    if activity is None or activity.ends_at <= database_now("default"):
        raise refusal
    return activity


def end_of_round(activity: Activity, rules: dict[str, Any], *, now: datetime, refusal: type[Refusal]) -> datetime:
    """When a round ends, so that who comes to its end last still has all the time to buy; raises the refusal."""
    last = activity.ends_at - timedelta(minutes=rules["pay_minutes"])
    if last <= now:
        raise refusal(_("The sale ends too soon for a new round."))
    return min(now + timedelta(minutes=rules["minutes"]), last)


def promise_price(
    play: str, round_: RoundModel, *, price_fen: int, now: datetime, sale_ends_at: datetime, refusal: type[Refusal]
) -> PromisedPrice:
    """Who started the round can buy one unit for this price, alone and in time, by a coupon; one a round.

    Call it in the node transaction that holds the round's lock, with the sale's end as it is now (require_on_sale).
    Raises the refusal, Unavailable, which must roll that back.
    """
    buy_by = min(now + timedelta(seconds=round_.pay_seconds), sale_ends_at)
    if buy_by <= now:
        # The node's clock is a moment ahead of `default`'s.
        raise refusal
    terms = PriceTerms(
        title=round_.title,
        amount_fen=round_.list_price_fen - price_fen,
        # Not the amount off: the activity's price may have been edited since the start, or be by the time of buying.
        price_fen=price_fen,
        activity_id=round_.activity_id,
        mode=Mode.ALONE,
        valid_from=now,
        expires_at=buy_by,
    )
    try:
        coupon = issue_coupon(issuer=play, reference=str(round_.pk), member_id=round_.member_id, terms=terms)
    except IdSourceUnavailable as error:
        raise Unavailable from error
    return PromisedPrice(coupon_id=coupon.pk, buy_by=buy_by)
