"""A helper cuts: the next cut of the schedule, or the next few for a new member."""

from datetime import datetime

from pgs_data.sharding.slots import alias_of_id
from pgs_web.marketing.bargain.errors import NotOnSale, RoundOver
from pgs_web.marketing.bargain.models import Cutting, Round
from pgs_web.marketing.bargain.services.door import reach_price, require_running
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.helping import Helper, helping_round
from pgs_web.plays.rounds import get_round, lock_round, state_now
from pgs_web.plays.sales import require_on_sale


def help_round(*, helper: Helper, round_id: int) -> Cutting:
    """Cuts in another member's bargain; the last cut brings the coupon. All of it or nothing.

    Raises NotFound, RoundOver, NotOnSale, what the judge of helps (`helping`) raises, Unavailable.
    """
    seen = get_round(Round, round_id=round_id)
    if state_now(seen) != RoundState.RUNNING:
        # Spares turns; behind the lock it is decided.
        raise RoundOver
    sale_ends_at = require_on_sale(seen.activity_id, refusal=NotOnSale).ends_at
    with helping_round(CODE, seen, helper) as help_:
        return _cut(help_, sale_ends_at=sale_ends_at)


def _cut(help_: Help, *, sale_ends_at: datetime) -> Cutting:
    alias = alias_of_id(help_.round_id)
    # Helpers wait for each other here.
    round_, now = lock_round(Round, alias=alias, round_id=help_.round_id)
    require_running(round_, now=now)
    wanted = round_.new_member_cuts if help_.is_new_member else 1
    taken = round_.schedule()[round_.cut_count : round_.cut_count + wanted]
    cutting = Cutting(
        round_id=round_.pk,
        helper_id=help_.helper_id,
        first_cut=round_.cut_count,
        cuts=len(taken),
        cut_fen=sum(taken),
        is_new_member=help_.is_new_member,
        helped_at=now,
    )
    Cutting.objects.bulk_create([cutting])
    _count(alias, round_, cutting)
    if round_.cut_count == round_.cuts:
        reach_price(alias=alias, round_=round_, now=now, sale_ends_at=sale_ends_at)
    return cutting


def _count(alias: str, round_: Round, cutting: Cutting) -> None:
    rows = Round.objects.on_node(alias).filter(
        pk=round_.pk, state=RoundState.RUNNING, cut_count=round_.cut_count, ends_at__gt=cutting.helped_at
    )
    round_.cut_count += cutting.cuts
    round_.cut_fen += cutting.cut_fen
    if rows.update(cut_count=round_.cut_count, cut_fen=round_.cut_fen) != 1:
        raise RoundOver
