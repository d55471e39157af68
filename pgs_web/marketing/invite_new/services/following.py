"""What becomes of an invitation's group: it is opened, complete, or over; its rounds follow.

Whoever dies in between leaves the round as it was: the clock comes again, and so does the outbox's message.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
from django.db import IntegrityError

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.sharding.slots import ids_by_node, node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import OUTAGES
from pgs_web.marketing.invite_new.models import Reward, Round
from pgs_web.marketing.invite_new.selectors import PASS_GRACE, with_opening_order
from pgs_web.marketing.invite_new.services.counting import count_decided, count_due
from pgs_web.marketing.invite_new.services.door import move_round
from pgs_web.marketing.invite_new.states import RewardKind, RewardState, RoundState
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.states import GroupState, SeatState
from pgs_web.trade.intake.selectors import find_accepted
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.wishes import Wishes
from pgs_web.trade.stock.holds import Hold

ROUNDS_A_RUN = 500

log = structlog.get_logger(__name__)


def notice_openings(*, limit: int = ROUNDS_A_RUN) -> int:
    """Up to `limit` invitations a node get the group that their leader's order opened, or are EXPIRED without one.

    Costs an index look-up an invitation that waits to be opened. Every node is served before an outage is raised.
    """
    noticed, outages = 0, []
    for alias in node_aliases():
        try:
            noticed += notice_on_node(alias, _opened(alias, limit), may_expire=False)
            noticed += notice_on_node(alias, _overdue(alias, limit))
        except OUTAGES as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return noticed


def notice_on_node(alias: str, rounds: Sequence[Round], *, may_expire: bool = True) -> int:
    """Of these OPENING rounds of one node, those whose group is there or whose time is over move; returns how many.

    Only an order that came by the round's pass opens it: anybody may order anything else under the same key, and that
    is no order of the round's. Time alone ends none whose order was accepted and waits to be written down: the ledger
    is asked about those that are overdue. Raises OUTAGES.
    """
    if not rounds:
        return 0
    orders = Order.objects.on_node(alias).filter(
        member_id__in={round_.member_id for round_ in rounds},
        idempotency_key__in=[round_.opening_key for round_ in rounds],
    )
    found = {(one.member_id, one.activity_id, one.idempotency_key): one for one in orders if one.told.by_pass}
    groups = Group.objects.on_node(alias).in_bulk([order.group_id for order in found.values() if order.group_id])
    now, moved, overdue = database_now(alias), 0, []
    for round_ in rounds:
        order = found.get((round_.member_id, round_.activity_id, round_.opening_key))
        group = groups.get(order.group_id or 0) if order else None
        if order is not None and group is not None and _is_of(round_, group) and _form(alias, round_, order, group):
            moved += 1
        elif round_.open_by + PASS_GRACE <= now:
            overdue.append((round_, order))
    if may_expire:
        # The row was looked for before the ledger: one that is written down in between is found the next time.
        coming = _find_coming([round_ for round_, order in overdue if order is None])
        for round_, _order in overdue:
            if round_.pk not in coming:
                moved += move_round(alias=alias, round_=round_, to_state=RoundState.EXPIRED, decided_at=now)
    return moved


def follow_groups(leaders: Mapping[int, int]) -> list[Reward]:
    """Rounds of these decided groups (group → leader) are decided too; returns the rewards that came of it.

    One transaction a node; told again it finds its work done. Groups that no invitation opened cost a query a node.
    """
    rewards: list[Reward] = []
    for alias, group_ids in ids_by_node(leaders).items():
        members = {leaders[group_id] for group_id in group_ids}
        rounds = Round.objects.on_node(alias)
        unnoticed = list(rounds.filter(state=RoundState.OPENING, member_id__in=members))
        # The group may be decided before the clock has noticed that it was opened.
        notice_on_node(alias, unnoticed, may_expire=False)
        if unnoticed or rounds.filter(group_id__in=group_ids, state=RoundState.FORMING).exists():
            with node_transaction(alias):
                rewards += _decide(alias, group_ids)
    return rewards


def _opened(alias: str, limit: int) -> list[Round]:
    return list(with_opening_order(alias, state=RoundState.OPENING).order_by("open_by")[:limit])


def _overdue(alias: str, limit: int) -> list[Round]:
    rows = Round.objects.on_node(alias).filter(state=RoundState.OPENING)
    return list(rows.filter(open_by__lte=DatabaseNow(after=-PASS_GRACE)).order_by("open_by")[:limit])


def _find_coming(rounds: Sequence[Round]) -> set[int]:
    """Of rounds without a row of their order, those whose order was accepted."""
    accepted = find_accepted((round_.member_id, round_.opening_key) for round_ in rounds)
    return {
        round_.pk
        for round_ in rounds
        if _opens(round_, *accepted.get((round_.member_id, round_.opening_key), (0, None)))
    }


def _opens(round_: Round, activity_id: int, hold: Hold | None) -> bool:
    if hold is None or hold.group_id is None or activity_id != round_.activity_id:
        return False
    return Wishes.from_code(hold.wishes).by_pass


def _is_of(round_: Round, group: Group) -> bool:
    return (group.activity_id, group.leader_member_id) == (round_.activity_id, round_.member_id)


def _form(alias: str, round_: Round, order: Order, group: Group) -> bool:
    try:
        # A transaction, or a savepoint, of its own: a group that is another round's holds up no other round.
        with node_transaction(alias):
            return move_round(
                alias=alias,
                round_=round_,
                to_state=RoundState.FORMING,
                order_id=order.pk,
                group_id=group.pk,
                ends_at=group.deadline,
                # As it was opened: the activity may have been edited since the start.
                group_size=group.size,
                price_fen=group.price_fen,
            )
    except IntegrityError:
        log.exception("round_not_formed", round_id=round_.pk, group_id=group.pk)
        return False


def _decide(alias: str, group_ids: Sequence[int]) -> list[Reward]:
    rows = Round.objects.on_node(alias).select_for_update()
    rounds = list(rows.filter(group_id__in=group_ids, state=RoundState.FORMING).order_by("pk"))
    groups = Group.objects.on_node(alias).in_bulk([round_.group_id for round_ in rounds if round_.group_id])
    now = database_now(alias)
    complete = [one for one in rounds if groups[one.group_id or 0].state == GroupState.SUCCEEDED]
    failed = [one for one in rounds if groups[one.group_id or 0].state in {GroupState.FAILED, GroupState.SETTLED}]
    seats = _confirmed_seats(alias, complete)
    for decided, state, sitting in ((complete, RoundState.SUCCEEDED, seats), (failed, RoundState.FAILED, [])):
        mine = Round.objects.on_node(alias).filter(pk__in=[one.pk for one in decided], state=RoundState.FORMING)
        mine.update(state=state, running_in=None, decided_at=now)
        count_decided(decided, state=state, seats=sitting)
    rewarded = [
        # Seats that the merchant filled brought nobody.
        one
        for one in complete
        if one.reward_kind != RewardKind.NONE and not groups[one.group_id or 0].guaranteed_seats
    ]
    rewards = _draft_rewards(rewarded, seats, now=now)
    # A round is complete once: nothing is ignored here but what is there already.
    Reward.objects.on_node(alias).bulk_create(rewards, ignore_conflicts=True)
    count_due(rewarded, rewards)
    return rewards


def _confirmed_seats(alias: str, rounds: Sequence[Round]) -> list[Seat]:
    group_ids = [round_.group_id for round_ in rounds]
    seats = Seat.objects.on_node(alias).filter(group_id__in=group_ids, state=SeatState.CONFIRMED)
    return list(seats.order_by("pk"))


def _draft_rewards(rounds: Sequence[Round], seats: Sequence[Seat], *, now: datetime) -> list[Reward]:
    order_ids: dict[int, list[int]] = {}
    for seat in seats:
        order_ids.setdefault(seat.group_id, []).append(seat.order_id)
    return [
        Reward(
            round_id=round_.pk,
            member_id=round_.member_id,
            group_id=round_.group_id or 0,
            order_id=round_.order_id or 0,
            kind=round_.reward_kind,
            # Of a free order what it cost as it was opened: no more goes back, whatever the order says by then.
            amount_fen=round_.price_fen if round_.reward_kind == RewardKind.FREE_ORDER else round_.reward_fen,
            order_ids=order_ids[round_.group_id or 0],
            state=RewardState.DUE,
            granted_at=now,
            changed_at=now,
            look_at=now,
        )
        for round_ in rounds
    ]
