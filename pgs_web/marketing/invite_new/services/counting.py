"""What operators are told of invitations is counted in the transactions of its facts."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from pgs_data.sharding.slots import ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_web.marketing.invite_new.models import Reward, Round
from pgs_web.marketing.invite_new.states import CODE, RewardState, RoundState
from pgs_web.plays.figures.names import BOUGHT, COST, NEW_MEMBERS, RETURNED, ending
from pgs_web.plays.figures.services import count_figures
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.states import GroupState, SeatState

# Figures of its own: what complete groups will bring their leaders, and how many rewards were given.
REWARDS_DUE, REWARDS = "rewards_due_fen", "rewards"


def count_decided(rounds: Sequence[Round], *, state: RoundState, seats: Sequence[Seat] = ()) -> None:
    """Counts rounds of one node that were decided, with who sits in the groups of complete ones.

    Call it in the transaction of the decision. A leader is nobody's newcomer: nobody asked.
    """
    campaigns = {round_.group_id: round_.campaign_id for round_ in rounds}
    amounts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for round_ in rounds:
        amounts[round_.campaign_id][ending(state)] += 1
    for seat in seats:
        amounts[campaigns[seat.group_id]].update(_worth(seat))
    _count(rounds, amounts)


def count_due(rounds: Sequence[Round], rewards: Sequence[Reward]) -> None:
    """Counts the new rewards of these rounds of one node; call it in their transaction."""
    campaigns = {round_.pk: round_.campaign_id for round_ in rounds}
    amounts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for reward in rewards:
        amounts[campaigns[reward.round_id]][REWARDS_DUE] += reward.amount_fen
    _count(rounds, amounts)


def count_reward(*, alias: str, reward: Reward, to_state: RewardState, given_fen: int) -> None:
    """Counts a reward that was `reward.state` and is `to_state` now; a coupon costs what it takes off, used or not.

    Call it in the transaction of the move. One that is owed or let go was given.
    """
    amounts: Counter[str] = Counter()
    if reward.state == RewardState.DUE:
        amounts[REWARDS_DUE] = -reward.amount_fen
    if to_state == RewardState.PAID:
        amounts.update({REWARDS: 1, COST: given_fen})
    elif to_state == RewardState.TAKEN_BACK:
        amounts.update({REWARDS: -1, COST: -given_fen})
    if amounts:
        round_ = Round.objects.on_node(alias).get(pk=reward.round_id)
        count_figures(code=CODE, campaign_id=round_.campaign_id, shard_key=reward.round_id, amounts=amounts)


def note_refunds(refunded: Mapping[int, int]) -> None:
    """Orders (order → group) of complete groups that were refunded count no longer as bought; each once.

    The round remembers them, under its lock. Its group's success has to be followed before (follow_groups).
    """
    for alias, group_ids in ids_by_node(set(refunded.values())).items():
        with node_transaction(alias):
            rows = Round.objects.on_node(alias).select_for_update().order_by("pk")
            rounds = list(rows.filter(group_id__in=group_ids, state=RoundState.SUCCEEDED))
            _note_on_node(alias, {round_.group_id or 0: round_ for round_ in rounds}, set(refunded))


def complete_groups(group_ids: Sequence[int]) -> dict[int, int]:
    """Group → leader, of those that are complete; one query a node."""
    found: dict[int, int] = {}
    for alias, of_node in ids_by_node(group_ids).items():
        groups = Group.objects.on_node(alias).filter(pk__in=of_node, state=GroupState.SUCCEEDED)
        found.update(groups.values_list("pk", "leader_member_id"))
    return found


def _note_on_node(alias: str, rounds: Mapping[int, Round], order_ids: set[int]) -> None:
    seats = Seat.objects.on_node(alias).filter(
        group_id__in=list(rounds), order_id__in=order_ids, state=SeatState.CONFIRMED
    )
    amounts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    touched: dict[int, Round] = {}
    for seat in seats.order_by("pk"):
        round_ = rounds[seat.group_id]
        known = round_.returned_order_ids or []
        if seat.order_id in known:
            continue
        round_.returned_order_ids = [*known, seat.order_id]
        touched[round_.pk] = round_
        amounts[round_.campaign_id].update({name: -amount for name, amount in _worth(seat).items()})
        amounts[round_.campaign_id][RETURNED] += 1
    Round.objects.on_node(alias).bulk_update(list(touched.values()), ["returned_order_ids"])
    _count(list(touched.values()), amounts)


def _worth(seat: Seat) -> dict[str, int]:
    return {BOUGHT: 1, NEW_MEMBERS: int(seat.is_returning is False)}


def _count(rounds: Sequence[Round], amounts: Mapping[int, Mapping[str, int]]) -> None:
    for campaign_id, of_campaign in amounts.items():
        count_figures(code=CODE, campaign_id=campaign_id, shard_key=rounds[0].pk, amounts=of_campaign)
