"""A helper cuts: the next cut of the schedule, or the next few for a new member."""

from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import NotFound
from pgs_web.marketing.bargain.errors import HelpedBefore, OwnRound, RoundOver
from pgs_web.marketing.bargain.models import Help, Round
from pgs_web.marketing.bargain.selectors import get_round
from pgs_web.marketing.bargain.services.door import lock_round, reach_price, require_running
from pgs_web.marketing.bargain.states import RoundState
from pgs_web.member.models import Member


def help_round(*, helper_id: int, round_id: int) -> Help:
    """Cuts in another member's bargain, once; the last cut brings the coupon. All of it or nothing.

    Raises NotFound, OwnRound, HelpedBefore, RoundOver, Unavailable.
    """
    if get_round(round_id=round_id).member_id == helper_id:
        raise OwnRound
    joined_at = Member.objects.filter(pk=helper_id).values_list("created_at", flat=True).first()
    if joined_at is None:
        raise NotFound
    with node_transaction(round_id) as alias:
        # Helpers wait for each other here; whoever comes twice at once finds the first one's row behind the lock.
        round_, now = lock_round(alias=alias, round_id=round_id)
        if Help.objects.on_node(alias).filter(round_id=round_id, helper_id=helper_id).exists():
            raise HelpedBefore
        require_running(round_, now=now)
        is_new = joined_at >= round_.new_since
        wanted = round_.new_member_cuts if is_new else 1
        taken = round_.schedule()[round_.cut_count : round_.cut_count + wanted]
        help_ = Help(
            round_id=round_id,
            helper_id=helper_id,
            first_cut=round_.cut_count,
            cuts=len(taken),
            cut_fen=sum(taken),
            is_new_member=is_new,
            helped_at=now,
        )
        Help.objects.bulk_create([help_])
        _count(alias, round_, help_)
        if round_.cut_count == round_.cuts:
            reach_price(alias=alias, round_=round_, now=now)
    return help_


def _count(alias: str, round_: Round, help_: Help) -> None:
    rows = Round.objects.on_node(alias).filter(
        pk=round_.pk, state=RoundState.RUNNING, cut_count=round_.cut_count, ends_at__gt=help_.helped_at
    )
    round_.cut_count += help_.cuts
    round_.cut_fen += help_.cut_fen
    if rows.update(cut_count=round_.cut_count, cut_fen=round_.cut_fen) != 1:
        raise RoundOver
