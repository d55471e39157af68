"""Bargains end: bought before the lowest price where the rules allow it, given up, or by the clock."""

from collections.abc import Sequence

from django.db import OperationalError

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_web.marketing.bargain.errors import NotAtFloor, RoundOver
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.selectors import get_own_round, state_now
from pgs_web.marketing.bargain.services.door import lock_round, move_round, reach_price, require_running
from pgs_web.marketing.bargain.services.selling import require_on_sale
from pgs_web.marketing.bargain.states import RoundState

ROUNDS_A_RUN = 500


def buy_early(*, member_id: int, round_id: int) -> None:
    """The member buys at the price that it has; raises NotFound, RoundOver, NotAtFloor, NotOnSale, Unavailable."""
    seen = get_own_round(member_id=member_id, round_id=round_id)
    if state_now(seen) != RoundState.RUNNING:
        raise RoundOver
    sale_ends_at = require_on_sale(seen.activity_id).ends_at
    with node_transaction(round_id) as alias:
        round_, now = lock_round(alias=alias, round_id=round_id)
        require_running(round_, now=now)
        if not round_.may_buy_early or not round_.cut_fen:
            raise NotAtFloor
        reach_price(alias=alias, round_=round_, now=now, sale_ends_at=sale_ends_at)


def give_up(*, member_id: int, round_id: int) -> None:
    """The member doesn't want it any more; raises NotFound, RoundOver."""
    get_own_round(member_id=member_id, round_id=round_id)
    with node_transaction(round_id) as alias:
        round_, now = lock_round(alias=alias, round_id=round_id)
        require_running(round_, now=now)
        move_round(alias=alias, round_=round_, to_state=RoundState.GIVEN_UP, now=now)


def end_overdue_rounds(*, limit: int = ROUNDS_A_RUN) -> int:
    """Ends up to `limit` bargains a node whose time is over by its clock; costs what is due. Returns how many.

    Nobody waits for it: nobody cuts in a bargain past its end. Every node is served before an outage is raised.
    """
    ended, outages = 0, []
    for alias in node_aliases():
        try:
            ended += end_rounds(alias, _overdue(alias, limit))
        except OperationalError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return ended


def end_rounds(alias: str, round_ids: Sequence[int]) -> int:
    """Those of a node's bargains that are running are EXPIRED; returns how many."""
    rows = Round.objects.on_node(alias).filter(pk__in=list(round_ids), state=RoundState.RUNNING)
    return rows.update(state=RoundState.EXPIRED, running_in=None, decided_at=DatabaseNow()) if round_ids else 0


def _overdue(alias: str, limit: int) -> list[int]:
    due = Round.objects.on_node(alias).filter(state=RoundState.RUNNING, ends_at__lte=DatabaseNow())
    return list(due.order_by("ends_at").values_list("pk", flat=True)[:limit])
