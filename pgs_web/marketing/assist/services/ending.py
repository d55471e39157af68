"""Assist groups end without success: given up, or by the clock."""

from collections.abc import Sequence

from pgs_data.messaging.outbox import append_messages
from pgs_data.sharding.transactions import node_transaction
from pgs_web.marketing.assist.messages import return_draft
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.services.door import move_round, require_running
from pgs_web.marketing.assist.states import CODE, RoundState
from pgs_web.plays.rounds import end_overdue, expire_rounds, get_own_round, lock_round


def give_up(*, member_id: int, round_id: int) -> None:
    """The member doesn't want it any more; raises NotFound, RoundOver, also when all have helped."""
    get_own_round(Round, member_id=member_id, round_id=round_id)
    with node_transaction(round_id) as alias:
        round_, now = lock_round(Round, alias=alias, round_id=round_id)
        require_running(round_, now=now)
        move_round(alias=alias, round_=round_, to_state=RoundState.GIVEN_UP, now=now)
        tell_ends([round_])


def end_overdue_rounds() -> int:
    """Ends groups whose time is over; returns how many. Raises an outage once every node is served."""
    return end_overdue(Round, end=end_rounds)


def end_rounds(alias: str, round_ids: Sequence[int]) -> int:
    """Those of a node's groups that are running are EXPIRED; returns how many."""
    if not round_ids:
        return 0
    with node_transaction(alias):
        running = Round.objects.on_node(alias).filter(pk__in=list(round_ids), state=RoundState.RUNNING)
        rounds = list(running.select_for_update().order_by("pk"))
        ended = expire_rounds(Round, code=CODE, alias=alias, round_ids=[round_.pk for round_ in rounds])
        tell_ends(rounds)
    return ended


def tell_ends(rounds: Sequence[Round]) -> None:
    """In the transaction that ends them. Only whoever died in the last help can have left a unit behind."""
    append_messages([return_draft(round_) for round_ in rounds if round_.help_count == round_.needed - 1])
