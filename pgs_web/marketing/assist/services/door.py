"""The door of an assist group's state."""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError

from pgs_web.marketing.assist.errors import NotOnSale, RoundOver, WonBefore
from pgs_web.marketing.assist.figures import LAPSED
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.states import CODE, MOVES, RoundState
from pgs_web.plays.figures.names import ending
from pgs_web.plays.figures.services import count_figures
from pgs_web.plays.rounds import is_running
from pgs_web.plays.sales import promise_price

# After the time to buy: an order of its last moment has been counted by then, whichever clock admitted it.
SETTLED_AFTER = timedelta(seconds=60)


def require_running(round_: Round, *, now: datetime) -> None:
    """Raises RoundOver for a group in which nothing happens any more."""
    if not is_running(round_, now=now):
        raise RoundOver


def move_round(*, alias: str, round_: Round, to_state: RoundState, now: datetime, **changes: Any) -> None:
    """Moves a group from the state it was read in; raises RoundOver when somebody else was first."""
    if to_state not in MOVES[RoundState(round_.state)]:
        raise ValueError(f"No assist group goes from {round_.state} to {to_state}.")
    rows = Round.objects.on_node(alias).filter(pk=round_.pk, state=round_.state)
    if rows.update(state=to_state, running_in=None, decided_at=now, **changes) != 1:
        raise RoundOver
    name = ending(to_state) if round_.state == RoundState.RUNNING else LAPSED
    if round_.state == RoundState.RUNNING or to_state == RoundState.LAPSED:
        count_figures(code=CODE, campaign_id=round_.campaign_id, shard_key=round_.pk, amounts={name: 1})


def succeed(*, alias: str, round_: Round, now: datetime, sale_ends_at: datetime) -> None:
    """All have helped: its member can buy one unit at the assist price, alone and in time, by a coupon of this price.

    Call it in the node transaction of the last help. Raises WonBefore, NotOnSale, Unavailable, which must roll back.
    """
    promised = promise_price(
        CODE, round_, price_fen=round_.price_fen, now=now, sale_ends_at=sale_ends_at, refusal=NotOnSale
    )
    try:
        move_round(
            alias=alias,
            round_=round_,
            to_state=RoundState.SUCCEEDED,
            now=now,
            buy_by=promised.buy_by,
            coupon_id=promised.coupon_id,
            entitled_to=round_.activity_id,
            look_at=promised.buy_by + SETTLED_AFTER,
        )
    except IntegrityError as error:
        raise WonBefore from error
