"""The door of a bargain's state, and what reaching a price brings: a coupon for it, in the same transaction."""

from datetime import datetime, timedelta
from typing import Any

from pgs_data.clock import database_now
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_web.api.errors import Unavailable
from pgs_web.marketing.bargain.errors import NotOnSale, RoundOver
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.states import CODE, MOVES, RoundState
from pgs_web.trade.coupon.models import Mode
from pgs_web.trade.coupon.services import issue_coupon
from pgs_web.trade.coupon.terms import PriceTerms


def lock_round(*, alias: str, round_id: int) -> tuple[Round, datetime]:
    """The bargain's row, locked until the node transaction ends, and its node's time since then."""
    return Round.objects.on_node(alias).select_for_update().get(pk=round_id), database_now(alias)


def require_running(round_: Round, *, now: datetime) -> None:
    """Raises RoundOver for a bargain in which nothing happens any more."""
    if round_.state != RoundState.RUNNING or round_.ends_at <= now:
        raise RoundOver


def move_round(*, alias: str, round_: Round, to_state: RoundState, now: datetime, **changes: Any) -> None:
    """Moves a bargain from the state it was read in; raises RoundOver when somebody else was first."""
    if to_state not in MOVES[RoundState(round_.state)]:
        raise ValueError(f"No bargain goes from {round_.state} to {to_state}.")
    rows = Round.objects.on_node(alias).filter(pk=round_.pk, state=round_.state)
    if rows.update(state=to_state, running_in=None, decided_at=now, **changes) != 1:
        raise RoundOver


def reach_price(*, alias: str, round_: Round, now: datetime, sale_ends_at: datetime) -> None:
    """The price is what it is: its member can buy one unit for it, alone and in time, by a coupon of this price.

    Call it in the node transaction that made the last cut, with the sale's end as it is now (require_on_sale). Raises
    NotOnSale, Unavailable, which must roll that back.
    """
    buy_by = min(now + timedelta(seconds=round_.pay_seconds), sale_ends_at)
    if buy_by <= now:
        # The node's clock is a moment ahead of `default`'s.
        raise NotOnSale
    terms = PriceTerms(
        title=round_.title,
        amount_fen=round_.cut_fen,
        # Not the amount off: the activity's price may have been edited since the start, or be by the time of buying.
        price_fen=round_.list_price_fen - round_.cut_fen,
        activity_id=round_.activity_id,
        mode=Mode.ALONE,
        valid_from=now,
        expires_at=buy_by,
    )
    try:
        coupon = issue_coupon(issuer=CODE, reference=str(round_.pk), member_id=round_.member_id, terms=terms)
    except IdSourceUnavailable as error:
        raise Unavailable from error
    move_round(alias=alias, round_=round_, to_state=RoundState.REACHED, now=now, buy_by=buy_by, coupon_id=coupon.pk)
