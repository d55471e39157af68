"""A member helps; the last help reserves a unit and brings the coupon for it."""

from datetime import datetime

from pgs_data.messaging.outbox import append_messages
from pgs_data.sharding.slots import alias_of_id
from pgs_web.marketing.assist.errors import NotOnSale, RoundOver, SoldOut, WonBefore
from pgs_web.marketing.assist.figures import REWARDS
from pgs_web.marketing.assist.messages import reward_draft
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.services.door import require_running, succeed
from pgs_web.marketing.assist.services.units import claim_unit, units_left
from pgs_web.marketing.assist.states import CODE, RoundState
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.figures.services import count_figures
from pgs_web.plays.helping import Helper, helping_round
from pgs_web.plays.rounds import get_round, lock_round, state_now
from pgs_web.plays.sales import require_on_sale


def help_round(*, helper: Helper, round_id: int) -> None:
    """Helps in another member's group; the last help brings a unit and its coupon. All of it or nothing.

    Raises NotFound, RoundOver, NotOnSale, SoldOut, what the judge of helps (`helping`) raises, Unavailable.
    """
    seen = get_round(Round, round_id=round_id)
    # All of these spare turns; behind the lock it is decided.
    if state_now(seen) != RoundState.RUNNING:
        raise RoundOver
    sale_ends_at = require_on_sale(seen.activity_id, refusal=NotOnSale).ends_at
    is_last = seen.help_count == seen.needed - 1
    # Whoever died before the last help was written may have left the group a unit.
    if not is_last and not units_left(activity_id=seen.activity_id, units=seen.units):
        raise SoldOut
    with helping_round(CODE, seen, helper) as help_:
        _count(help_, sale_ends_at=sale_ends_at)


def _count(help_: Help, *, sale_ends_at: datetime) -> None:
    alias = alias_of_id(help_.round_id)
    # Helpers wait for each other here.
    round_, now = lock_round(Round, alias=alias, round_id=help_.round_id)
    require_running(round_, now=now)
    _add(alias, round_, now)
    if round_.reward_fen:
        append_messages([reward_draft(round_, helper_id=help_.helper_id)])
        amounts = {REWARDS: round_.reward_fen}
        count_figures(code=CODE, campaign_id=round_.campaign_id, shard_key=round_.pk, amounts=amounts)
    if round_.help_count == round_.needed:
        try:
            succeed(alias=alias, round_=round_, now=now, sale_ends_at=sale_ends_at)
        except WonBefore as error:
            # What its member has in another campaign is nobody's business.
            raise RoundOver from error
        # Last of all: it commits in `default`, and what is refused before costs no unit.
        claim_unit(round_)


def _add(alias: str, round_: Round, now: datetime) -> None:
    rows = Round.objects.on_node(alias).filter(
        pk=round_.pk, state=RoundState.RUNNING, help_count=round_.help_count, ends_at__gt=now
    )
    round_.help_count += 1
    if rows.update(help_count=round_.help_count) != 1:
        raise RoundOver
