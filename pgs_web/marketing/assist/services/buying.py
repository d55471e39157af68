"""Who comes to the end of an assist group orders the unit that is reserved."""

from pgs_web.marketing.assist.errors import NotComplete, RoundOver
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.states import RoundState
from pgs_web.plays.rounds import get_own_round, state_now


def buy_round(*, member_id: int, round_id: int) -> Round:
    """The member's group, whose unit can be ordered now; raises NotFound, NotComplete, RoundOver."""
    round_ = get_own_round(Round, member_id=member_id, round_id=round_id)
    if state_now(round_) == RoundState.RUNNING:
        raise NotComplete
    is_open = round_.state == RoundState.SUCCEEDED and round_.buy_by is not None and round_.now < round_.buy_by  # type: ignore[attr-defined]
    if not is_open:
        raise RoundOver
    return round_
