"""A leader's reward: paid once, undone when an order of the group is refunded before it leaves.

A coupon comes when the group is complete, since an unused one can be taken back. Money can't: it goes when every order
of the group has left the house, from when on nobody gets their money back by themselves (docs/adr/0029). The reward's
row is locked whenever it is decided about; who finds an order refunded too late hears of it from the outbox.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import Sum

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_data.sharding.slots import alias_of_id, ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import OUTAGES, Refusal
from pgs_web.marketing.invite_new.models import Reward, Round
from pgs_web.marketing.invite_new.services.door import move_reward
from pgs_web.marketing.invite_new.states import CODE, RewardKind, RewardState
from pgs_web.plays.rounds import work_off
from pgs_web.trade.after_sale.errors import RequestOpen
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.services import grant_refund
from pgs_web.trade.after_sale.states import VAIN
from pgs_web.trade.coupon.errors import CouponNotUsable
from pgs_web.trade.coupon.services import forfeit_coupon, issue_coupon, withdraw_coupon
from pgs_web.trade.coupon.terms import CouponTerms
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState

ACTOR = f"play:{CODE}"
REWARDS_A_PAGE = 20
# An order is looked at so often until it has left; a used coupon, until its order keeps it for good.
LOOK_SECONDS = 30
LOOK_AT_USED_SECONDS = 3600
GONE_BACK = frozenset({OrderState.REFUNDING, OrderState.REFUNDED})
LEFT = frozenset({OrderState.SHIPPED, OrderState.COMPLETED})

log = structlog.get_logger(__name__)


def advance_rewards(*, limit: int = REWARDS_A_PAGE) -> int:
    """Goes on with the rewards that are due, `limit` a node at a time; returns how many moved. Costs what is due.

    Every node is served before an outage is raised; a reward whose orders' node is away is due again.
    """
    moved = 0

    def look(alias: str) -> int:
        nonlocal moved
        due = list(Reward.objects.on_node(alias).filter(look_at__lte=DatabaseNow()).order_by("look_at")[:limit])
        moved += pay_rewards(due)
        return len(due)

    work_off(look, page=limit)
    return moved


def pay_rewards(rewards: Sequence[Reward]) -> int:
    """Pays, withholds or puts off these rewards, by what has become of their groups' orders; returns how many moved.

    One that fails is put off and holds up no other. Raises OUTAGES.
    """
    orders = Order.objects.for_ids({order_id for reward in rewards for order_id in reward.order_ids})
    states = {order.pk: OrderState(order.state) for order in orders}
    return sum(_try_to_advance(reward, states) for reward in rewards)


def undo_rewards(refunded: Mapping[int, int]) -> int:
    """Rewards of groups (order → group) of which an order was refunded are undone; returns how many. Repeatable."""
    undone = 0
    for alias, group_ids in ids_by_node(set(refunded.values())).items():
        rewards = Reward.objects.on_node(alias).filter(group_id__in=group_ids)
        undone += sum(_undo(reward) for reward in _hit(rewards, refunded))
    return undone


def let_go(round_id: int) -> bool:
    """The desk leaves an OWED reward to its leader; False when it isn't owed."""
    with node_transaction(round_id) as alias:
        reward = _lock(alias, round_id)
        if reward is None or reward.state != RewardState.OWED:
            return False
        return move_reward(
            alias=alias, reward=reward, to_state=RewardState.LET_GO, now=database_now(alias), look_at=None
        )


def _hit(rewards: Iterable[Reward], refunded: Mapping[int, int]) -> list[Reward]:
    return [reward for reward in rewards if any(order_id in refunded for order_id in reward.order_ids)]


def _try_to_advance(reward: Reward, states: Mapping[int, OrderState]) -> bool:
    try:
        return _advance(reward, states)
    except OUTAGES:
        raise
    except Exception:
        log.exception("reward_failed", round_id=reward.pk)
        _look_again(reward, seconds=LOOK_SECONDS)
        return False


def _advance(reward: Reward, states: Mapping[int, OrderState]) -> bool:
    if reward.state == RewardState.OWED:
        return _take_back_used(reward)
    found = {states.get(order_id) for order_id in reward.order_ids}
    if found & GONE_BACK:
        return _undo(reward)
    try:
        if reward.kind == RewardKind.COUPON:
            return _give_coupon(reward)
        if found <= LEFT:
            return _give_money(reward)
    except (Refusal, IdSourceUnavailable) as error:
        # An after-sale request of the leader is open, say.
        log.info("reward_put_off", round_id=reward.pk, reason=getattr(error, "code", type(error).__name__))
    _look_again(reward, seconds=LOOK_SECONDS)
    return False


def _give_coupon(reward: Reward) -> bool:
    with node_transaction(reward.round_id) as alias:
        locked = _lock(alias, reward.pk)
        if locked is None or locked.state != RewardState.DUE:
            return False
        round_ = Round.objects.on_node(alias).get(pk=reward.round_id)
        now = database_now(alias)
        terms = CouponTerms(
            title=round_.title[:80],
            amount_fen=locked.amount_fen,
            threshold_fen=round_.coupon_threshold_fen,
            valid_from=now,
            expires_at=now + timedelta(days=round_.coupon_days),
        )
        coupon = issue_coupon(issuer=CODE, reference=str(reward.pk), member_id=reward.member_id, terms=terms)
        return move_reward(
            alias=alias, reward=locked, to_state=RewardState.PAID, now=now, coupon_id=coupon.pk, look_at=None
        )


def _give_money(reward: Reward) -> bool:
    with node_transaction(reward.round_id) as alias:
        locked = _lock(alias, reward.pk)
        if locked is None or locked.state != RewardState.DUE:
            return False
        now = database_now(alias)
        amount_fen = _amount_of(alias, locked)
        if amount_fen <= 0:
            # All that it cost has gone back by after-sale service.
            return move_reward(alias=alias, reward=locked, to_state=RewardState.WITHHELD, now=now, look_at=None)
        request = grant_refund(order_id=locked.order_id, amount_fen=amount_fen, actor=ACTOR)
        return move_reward(
            alias=alias,
            reward=locked,
            to_state=RewardState.PAID,
            now=now,
            amount_fen=amount_fen,
            request_id=request.pk,
            look_at=None,
        )


def _amount_of(alias: str, reward: Reward) -> int:
    """What can go back: what was promised, and never more than came. Raises RequestOpen: nobody knows yet."""
    order = Order.objects.on_node(alias).get(pk=reward.order_id)
    given = AfterSaleRequest.objects.on_node(alias).filter(order_id=order.pk).exclude(state__in=VAIN)
    if given.filter(open_order_id__isnull=False).exists():
        raise RequestOpen
    left_fen = order.amount_fen - (given.aggregate(fen=Sum("amount_fen"))["fen"] or 0)
    return min(left_fen, reward.amount_fen)


def _undo(reward: Reward) -> bool:
    with node_transaction(reward.round_id) as alias:
        locked, now = _lock(alias, reward.pk), database_now(alias)
        if locked is None:
            return False
        if locked.state == RewardState.DUE:
            return move_reward(alias=alias, reward=locked, to_state=RewardState.WITHHELD, now=now, look_at=None)
        if locked.state == RewardState.PAID:
            return _take_back(alias, locked, now=now)
    return False


def _take_back(alias: str, locked: Reward, *, now: datetime) -> bool:
    if locked.coupon_id is not None and _is_unused(locked.coupon_id):
        return move_reward(alias=alias, reward=locked, to_state=RewardState.TAKEN_BACK, now=now, look_at=None)
    look_at = None if locked.coupon_id is None else now + timedelta(seconds=LOOK_AT_USED_SECONDS)
    log.warning("reward_owed", round_id=locked.pk, kind=locked.kind, amount_fen=locked.amount_fen)
    return move_reward(alias=alias, reward=locked, to_state=RewardState.OWED, now=now, look_at=look_at)


def _take_back_used(reward: Reward) -> bool:
    """Its order may have been cancelled since: then the coupon came back, and nothing is owed."""
    with node_transaction(reward.round_id) as alias:
        locked = _lock(alias, reward.pk)
        if locked is None or locked.state != RewardState.OWED or locked.coupon_id is None:
            return False
        if _is_unused(locked.coupon_id):
            now = database_now(alias)
            return move_reward(alias=alias, reward=locked, to_state=RewardState.TAKEN_BACK, now=now, look_at=None)
    _look_again(reward, seconds=LOOK_AT_USED_SECONDS)
    return False


def _is_unused(coupon_id: int) -> bool:
    """Takes the coupon back for good, an expired one too, which a late payment could bring back; False while an order
    has it."""
    try:
        withdraw_coupon(coupon_id=coupon_id)
    except CouponNotUsable:
        alias = alias_of_id(coupon_id)
        with node_transaction(alias):
            return forfeit_coupon(alias=alias, coupon_id=coupon_id, now=database_now(alias))
    return True


def _look_again(reward: Reward, *, seconds: int) -> None:
    rows = Reward.objects.on_node(alias_of_id(reward.round_id)).filter(pk=reward.pk, state=reward.state)
    rows.update(look_at=DatabaseNow(after=timedelta(seconds=seconds)))


def _lock(alias: str, round_id: int) -> Reward | None:
    return Reward.objects.on_node(alias).select_for_update().filter(pk=round_id).first()
