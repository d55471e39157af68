"""Who comes to the end of an assist group orders the unit that is reserved, and nothing else."""

from dataclasses import dataclass
from itertools import count

from pgs_data.sharding.slots import alias_of_id
from pgs_web.marketing.assist.errors import NotComplete, RoundOver
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.states import CODE, RoundState
from pgs_web.plays.rounds import get_own_round, state_now
from pgs_web.trade.intake.passes import Entry, issue_pass
from pgs_web.trade.intake.selectors import find_used_up
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.states import OrderState

# An order that came to nothing, and whose unit is free: another one may follow. While its money is on its way back
# (REFUNDING) the unit isn't. One that was rejected or refused has no row: the ledger knows it.
UNDONE = (OrderState.CANCELLED, OrderState.REFUNDED)


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What the unit is ordered with: the pass is for one order, that under this key."""

    round_: Round
    entry_pass: str
    idempotency_key: str


def buy_round(*, member_id: int, round_id: int) -> Purchase:
    """What the member orders the reserved unit with, until `buy_by`; raises NotFound, NotComplete, RoundOver,
    RedisUnavailable.

    Asked again it brings the same order, as long as that stands: nobody orders what is reserved for others.
    """
    round_ = get_own_round(Round, member_id=member_id, round_id=round_id)
    if state_now(round_) == RoundState.RUNNING:
        raise NotComplete
    now = round_.now  # type: ignore[attr-defined]
    if round_.state != RoundState.SUCCEEDED or round_.buy_by is None or round_.buy_by <= now:
        raise RoundOver
    key = _find_key(round_)
    entry = Entry(
        play=CODE, activity_id=round_.activity_id, member_id=member_id, mode=OrderMode.ALONE, idempotency_key=key
    )
    return Purchase(round_=round_, entry_pass=issue_pass(entry, valid_until=round_.buy_by), idempotency_key=key)


def _find_key(round_: Round) -> str:
    """The key of the order that stands, else the first that none has used up."""
    orders = Order.objects.on_node(alias_of_id(round_.pk)).filter(
        member_id=round_.member_id, activity_id=round_.activity_id
    )
    prefix = f"assist-{round_.pk}-"
    states = dict(orders.filter(idempotency_key__startswith=prefix).values_list("idempotency_key", "state"))
    standing = next((key for key, state in states.items() if state not in UNDONE), None)
    if standing is not None:
        return standing
    free = (key for key in (f"{prefix}{number}" for number in count(1)) if key not in states)
    key = next(free)
    # Once, but for orders that came to nothing before they had a row; the member limit of one keeps two from being in.
    while find_used_up([(round_.member_id, key)]):
        key = next(free)
    return key
