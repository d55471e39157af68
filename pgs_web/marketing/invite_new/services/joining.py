"""A friend joins: judged once, then let in by a pass for each try to order."""

from datetime import datetime

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id, alias_of_slot, slot_of_key
from pgs_data.sharding.transactions import node_transaction
from pgs_web.marketing.invite_new.errors import AlreadyJoined, NewSeatsOnly, NotOpen
from pgs_web.marketing.invite_new.models import Join, Round
from pgs_web.marketing.invite_new.selectors import count_others
from pgs_web.marketing.invite_new.services.door import key_to_join, lock_round
from pgs_web.marketing.invite_new.services.starting import PASS_LASTS
from pgs_web.marketing.invite_new.states import CODE, RoundState
from pgs_web.plays.eligibility.scripts import HelpCaps
from pgs_web.plays.eligibility.services import HelpWish, helping
from pgs_web.plays.helping import Helper
from pgs_web.plays.rounds import get_round
from pgs_web.plays.selectors import read_rules
from pgs_web.trade.group.models import Group
from pgs_web.trade.intake.selectors import find_used_up
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState

# An order that came to nothing: its key is used up, another try has another one.
VAIN = frozenset({OrderState.CANCELLED, OrderState.REFUNDED})


def join_round(*, friend: Helper, round_id: int) -> tuple[Round, Join]:
    """Lets a friend into the group: the round, and the join whose pass is good for some minutes.

    Again it gives a newer pass, for the same order until that came to nothing. What sits where is counted when they
    order, and when they pay; here nobody is asked to pay for a seat that can't be theirs.
    Raises NotFound, NotOpen, AlreadyJoined, NewSeatsOnly, what the judge of helps (`helping`) raises, Unavailable.
    """
    seen = get_round(Round, round_id=round_id)
    if seen.state != RoundState.FORMING:
        # Spares turns; behind the lock it is decided.
        raise NotOpen
    known = Join.objects.on_node(alias_of_id(round_id)).filter(round_id=round_id, member_id=friend.member_id).first()
    if known is not None:
        return seen, _come_again(known)
    rules = read_rules(campaign_id=seen.campaign_id, version=seen.rules_version).rules
    wish = HelpWish(
        code=CODE,
        campaign_id=seen.campaign_id,
        round_id=round_id,
        initiator_id=seen.member_id,
        helper_id=friend.member_id,
        device=friend.device,
        network=friend.network,
        initiator_device=seen.initiator_device,
    )
    caps = HelpCaps(helper=rules["joins_a_friend"], device=rules["joins_a_device"], address=rules["joins_an_address"])
    with helping(wish, caps=caps, only_new=seen.other_seats == 0) as help_:
        alias = alias_of_id(round_id)
        round_, now = _lock_open(alias, round_id)
        if not help_.is_new_member:
            _require_other_seat(round_, now=now)
        join = Join(
            round_id=round_id,
            member_id=friend.member_id,
            is_new_member=help_.is_new_member,
            pass_until=_pass_until(round_, now=now),
            joined_at=now,
        )
        Join.objects.bulk_create([join])
    return seen, join


def _come_again(known: Join) -> Join:
    # On the friend's node: read before the round's is locked. Whoever tries twice at once gets the same key twice.
    alias = alias_of_slot(slot_of_key(known.member_id))
    order = Order.objects.on_node(alias).filter(member_id=known.member_id, idempotency_key=key_to_join(known)).first()
    if order is not None and order.state not in VAIN:
        raise AlreadyJoined
    # One that was rejected or refused has no row.
    is_used_up = order is not None or bool(find_used_up([(known.member_id, key_to_join(known))]))
    with node_transaction(known.round_id) as alias:
        round_, now = _lock_open(alias, known.round_id)
        if not known.is_new_member:
            _require_other_seat(round_, now=now, but_member_id=known.member_id)
        tries = known.tries + 1 if is_used_up else known.tries
        pass_until = _pass_until(round_, now=now)
        Join.objects.on_node(alias).filter(pk=known.pk, tries=known.tries).update(tries=tries, pass_until=pass_until)
        return Join.objects.on_node(alias).get(pk=known.pk)


def _lock_open(alias: str, round_id: int) -> tuple[Round, datetime]:
    """Friends of one round wait for each other here; with the group's deadline as it is now. Raises NotOpen."""
    round_ = lock_round(alias=alias, round_id=round_id)
    now = database_now(alias)
    if round_.state != RoundState.FORMING or round_.group_id is None:
        raise NotOpen
    # An operator may have extended it.
    round_.ends_at = Group.objects.on_node(alias).get(pk=round_.group_id).deadline
    if round_.ends_at <= now:
        raise NotOpen
    return round_, now


def _require_other_seat(round_: Round, *, now: datetime, but_member_id: int | None = None) -> None:
    """Raises NewSeatsOnly when all seats that need nobody new are taken, or somebody has a pass for them."""
    if count_others(round_, now=now, but_member_id=but_member_id) >= round_.other_seats:
        raise NewSeatsOnly


def _pass_until(round_: Round, *, now: datetime) -> datetime:
    assert round_.ends_at is not None
    return min(now + PASS_LASTS, round_.ends_at)
