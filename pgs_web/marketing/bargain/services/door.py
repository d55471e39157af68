"""The door of a bargain's state, and what reaching a price brings: a coupon for it, in the same transaction."""

from datetime import datetime
from typing import Any

from pgs_web.marketing.bargain.errors import NotOnSale, RoundOver
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.states import CODE, MOVES, RoundState
from pgs_web.plays.figures.names import ending
from pgs_web.plays.figures.services import count_figures
from pgs_web.plays.rounds import is_running
from pgs_web.plays.sales import promise_price


def require_running(round_: Round, *, now: datetime) -> None:
    """Raises RoundOver for a bargain in which nothing happens any more."""
    if not is_running(round_, now=now):
        raise RoundOver


def move_round(*, alias: str, round_: Round, to_state: RoundState, now: datetime, **changes: Any) -> None:
    """Moves a bargain from the state it was read in; raises RoundOver when somebody else was first."""
    if to_state not in MOVES[RoundState(round_.state)]:
        raise ValueError(f"No bargain goes from {round_.state} to {to_state}.")
    rows = Round.objects.on_node(alias).filter(pk=round_.pk, state=round_.state)
    if rows.update(state=to_state, running_in=None, decided_at=now, **changes) != 1:
        raise RoundOver
    count_figures(code=CODE, campaign_id=round_.campaign_id, shard_key=round_.pk, amounts={ending(to_state): 1})


def reach_price(*, alias: str, round_: Round, now: datetime, sale_ends_at: datetime) -> None:
    """The price is what it is: its member can buy one unit for it, alone and in time, by a coupon of this price.

    Call it in the node transaction that made the last cut, with the sale's end as it is now (require_on_sale). Raises
    NotOnSale, Unavailable, which must roll that back.
    """
    price_fen = round_.list_price_fen - round_.cut_fen
    promised = promise_price(CODE, round_, price_fen=price_fen, now=now, sale_ends_at=sale_ends_at, refusal=NotOnSale)
    move_round(
        alias=alias,
        round_=round_,
        to_state=RoundState.REACHED,
        now=now,
        buy_by=promised.buy_by,
        coupon_id=promised.coupon_id,
    )
