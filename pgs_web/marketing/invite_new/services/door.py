"""The doors of a round's and a reward's state, and what a pass is for."""

from datetime import datetime
from typing import Any

from pgs_data.sharding.transactions import node_transaction
from pgs_web.marketing.invite_new.models import Join, Reward, Round
from pgs_web.marketing.invite_new.services.counting import count_reward
from pgs_web.marketing.invite_new.states import CODE, MOVES, OPEN, REWARD_MOVES, RewardState, RoundState
from pgs_web.plays.figures.names import ending
from pgs_web.plays.figures.services import count_figures
from pgs_web.trade.intake.passes import Entry, issue_pass


def lock_round(*, alias: str, round_id: int) -> Round:
    """The round's row, locked until the node transaction ends."""
    return Round.objects.on_node(alias).select_for_update().get(pk=round_id)


def move_round(*, alias: str, round_: Round, to_state: RoundState, **changes: Any) -> bool:
    """Moves a round from the state it was read in, and counts it where it ends; False when somebody else was first."""
    if to_state not in MOVES[RoundState(round_.state)]:
        raise ValueError(f"No round goes from {round_.state} to {to_state}.")
    if to_state not in OPEN:
        changes["running_in"] = None
    with node_transaction(alias):
        rows = Round.objects.on_node(alias).filter(pk=round_.pk, state=round_.state)
        if rows.update(state=to_state, **changes) != 1:
            return False
        if to_state not in OPEN:
            amounts = {ending(to_state): 1}
            count_figures(code=CODE, campaign_id=round_.campaign_id, shard_key=round_.pk, amounts=amounts)
    return True


def move_reward(*, alias: str, reward: Reward, to_state: RewardState, now: datetime, **changes: Any) -> bool:
    """Moves a locked reward, and counts what it costs by now; False when somebody else was first."""
    if to_state not in REWARD_MOVES[RewardState(reward.state)]:
        raise ValueError(f"No reward goes from {reward.state} to {to_state}.")
    rows = Reward.objects.on_node(alias).filter(pk=reward.pk, state=reward.state)
    if rows.update(state=to_state, changed_at=now, **changes) != 1:
        return False
    count_reward(alias=alias, reward=reward, to_state=to_state, given_fen=changes.get("amount_fen", reward.amount_fen))
    return True


def key_to_open(round_id: int) -> str:
    """The Idempotency-Key under which the leader opens the group: one order, whatever becomes of it."""
    return f"{CODE}-{round_id}"


def key_to_join(join: Join) -> str:
    """The one under which a friend joins; another try, once an order came to nothing, has another."""
    return f"{CODE}-{join.round_id}-{join.tries}"


def describe_opening(round_: Round) -> dict[str, Any]:
    """What the leader's order needs."""
    entry = Entry(
        play=CODE, activity_id=round_.activity_id, member_id=round_.member_id, idempotency_key=round_.opening_key
    )
    return _describe(entry, valid_until=round_.open_by)


def describe_joining(round_: Round, join: Join) -> dict[str, Any]:
    """What the friend's order needs."""
    entry = Entry(
        play=CODE,
        activity_id=round_.activity_id,
        member_id=join.member_id,
        group_id=round_.group_id,
        idempotency_key=key_to_join(join),
    )
    return _describe(entry, valid_until=join.pass_until)


def _describe(entry: Entry, *, valid_until: datetime) -> dict[str, Any]:
    return {
        "activity_id": entry.activity_id,
        "group_id": entry.group_id,
        "idempotency_key": entry.idempotency_key,
        "entry_pass": issue_pass(entry, valid_until=valid_until),
        "valid_until": valid_until,
    }
