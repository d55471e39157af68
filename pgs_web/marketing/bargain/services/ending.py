"""Bargains end: bought before the lowest price where the rules allow it, given up, or by the clock."""

from collections.abc import Sequence

from pgs_data.sharding.transactions import node_transaction
from pgs_web.marketing.bargain.errors import NotAtFloor, NotOnSale, RoundOver
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.services.door import move_round, reach_price, require_running
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.plays.rounds import end_overdue, expire_rounds, get_own_round, lock_round, state_now
from pgs_web.plays.sales import require_on_sale


def buy_early(*, member_id: int, round_id: int) -> None:
    """The member buys at the price that it has; raises NotFound, RoundOver, NotAtFloor, NotOnSale, Unavailable."""
    seen = get_own_round(Round, member_id=member_id, round_id=round_id)
    if state_now(seen) != RoundState.RUNNING:
        raise RoundOver
    sale_ends_at = require_on_sale(seen.activity_id, refusal=NotOnSale).ends_at
    with node_transaction(round_id) as alias:
        round_, now = lock_round(Round, alias=alias, round_id=round_id)
        require_running(round_, now=now)
        if not round_.may_buy_early or not round_.cut_fen:
            raise NotAtFloor
        reach_price(alias=alias, round_=round_, now=now, sale_ends_at=sale_ends_at)


def give_up(*, member_id: int, round_id: int) -> None:
    """The member doesn't want it any more; raises NotFound, RoundOver."""
    get_own_round(Round, member_id=member_id, round_id=round_id)
    with node_transaction(round_id) as alias:
        round_, now = lock_round(Round, alias=alias, round_id=round_id)
        require_running(round_, now=now)
        move_round(alias=alias, round_=round_, to_state=RoundState.GIVEN_UP, now=now)


def end_overdue_rounds() -> int:
    """Ends bargains whose time is over; returns how many. Raises an outage once every node is served."""
    return end_overdue(Round, end=end_rounds)


def end_rounds(alias: str, round_ids: Sequence[int]) -> int:
    """Those of a node's bargains that are running are EXPIRED; returns how many."""
    return expire_rounds(Round, code=CODE, alias=alias, round_ids=round_ids)
