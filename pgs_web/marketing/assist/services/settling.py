"""What becomes of a reserved unit: it is bought, or its time is over and it goes back, by rule.

A group, its coupon and its member's orders are on one node: each is judged there under the group's lock, again and
again if need be, by whoever comes: the shop's messages about orders, and the clock.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog

from pgs_data.clock import DatabaseNow
from pgs_data.messaging.outbox import append_messages
from pgs_data.messaging.relay import Message
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import OUTAGES
from pgs_web.marketing.assist.messages import return_draft
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.services.door import SETTLED_AFTER, move_round
from pgs_web.marketing.assist.states import ENTITLED, RoundState
from pgs_web.plays.rounds import ROUNDS_A_RUN, lock_round
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.services import forfeit_coupon
from pgs_web.trade.coupon.states import CouponState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.selectors import read_bought

log = structlog.get_logger(__name__)

UNDONE = (OrderState.CANCELLED, OrderState.REFUNDING, OrderState.REFUNDED)


def settle_orders(messages: Sequence[Message]) -> None:
    """Judges the groups of members whose orders were paid, cancelled or refunded; nothing for orders without a pass."""
    told = [message.payload for message in messages if message.payload.get("by_pass")]
    if not told:
        return
    rounds = Round.objects.on_node(messages[0].node).filter(
        member_id__in={order["member_id"] for order in told},
        entitled_to__in={order["activity_id"] for order in told},
    )
    for round_ in list(rounds):
        settle_round(round_)


def settle_due_rounds(*, limit: int = ROUNDS_A_RUN) -> int:
    """Judges up to `limit` groups a node whose time to buy is over, or that were put off; returns how many.

    Every group is judged before an outage is raised: the ledger of one activity can be away, and the others' units are
    waited for. A group that can't be judged at all is logged, and check `overdue` names it. Dies in between: the same
    come again.
    """
    settled, outages = 0, list[Exception]()
    for alias in node_aliases():
        try:
            due = list(Round.objects.on_node(alias).filter(look_at__lte=DatabaseNow()).order_by("look_at")[:limit])
        except OUTAGES as error:
            outages.append(error)
            continue
        for round_ in due:
            try:
                settle_round(round_)
                settled += 1
            except OUTAGES as error:
                outages.append(error)
            except Exception:
                log.exception("assist_round_not_settled", round_id=round_.pk)
    if outages:
        raise outages[0]
    return settled


def settle_round(seen: Round) -> None:
    """Judges one group whose unit is reserved or bought; nothing when it is neither. Raises RedisUnavailable."""
    # Orders on their way into the database have their units here already; those that were undone until they gave them
    # back. Read before the lock: after the time to buy it only becomes less.
    units_held = read_bought(seen.activity_id, member_id=seen.member_id)
    with node_transaction(seen.pk) as alias:
        round_, now = lock_round(Round, alias=alias, round_id=seen.pk)
        if round_.state in ENTITLED:
            _judge(alias, round_, now=now, units_held=units_held)


def _judge(alias: str, round_: Round, *, now: datetime, units_held: int) -> None:
    is_over = round_.buy_by is not None and now >= round_.buy_by + SETTLED_AFTER
    order = _find_order(alias, round_)
    if order is not None and order.paid_at is not None:
        _move(alias, round_, RoundState.BOUGHT, now=now, order_id=order.pk, look_at=None)
    elif order is not None or (is_over and units_held):
        # Until the order is paid or cancelled, and its units are back.
        _move(alias, round_, RoundState.SUCCEEDED, now=now, order_id=None, look_at=_later(order, now))
    elif not is_over:
        look_at = (round_.buy_by or now) + SETTLED_AFTER
        _move(alias, round_, RoundState.SUCCEEDED, now=now, order_id=None, look_at=look_at)
    else:
        _let_lapse(alias, round_, now=now)


def _find_order(alias: str, round_: Round) -> Order | None:
    """The order that has the coupon; else, one of the same goods that its member placed without it."""
    orders = Order.objects.on_node(alias)
    coupon = Coupon.objects.on_node(alias).filter(pk=round_.coupon_id, state=CouponState.USED).first()
    if coupon is not None:
        return orders.filter(pk=coupon.order_id).first()
    placed = orders.filter(member_id=round_.member_id, activity_id=round_.activity_id)
    return placed.exclude(state__in=UNDONE).order_by("pk").first()


def _later(order: Order | None, now: datetime) -> datetime:
    return max(order.pay_by if order is not None else now, now) + SETTLED_AFTER


def _move(
    alias: str, round_: Round, to_state: RoundState, *, now: datetime, order_id: int | None, look_at: datetime | None
) -> None:
    if round_.state == to_state:
        Round.objects.on_node(alias).filter(pk=round_.pk).update(order_id=order_id, look_at=look_at)
        return
    # decided_at stays when all had helped.
    decided_at = round_.decided_at or now
    move_round(alias=alias, round_=round_, to_state=to_state, now=decided_at, order_id=order_id, look_at=look_at)


def _let_lapse(alias: str, round_: Round, *, now: datetime) -> None:
    """The right is over for good: also a payment that is still under way doesn't bring it back."""
    if round_.coupon_id is None or not forfeit_coupon(alias=alias, coupon_id=round_.coupon_id, now=now):
        # Taken up again by a late payment in this very moment: that order is found the next time.
        _move(alias, round_, RoundState.SUCCEEDED, now=now, order_id=None, look_at=now + SETTLED_AFTER)
        return
    move_round(
        alias=alias,
        round_=round_,
        to_state=RoundState.LAPSED,
        now=now,
        order_id=None,
        look_at=None,
        entitled_to=None,
    )
    if round_.returns_units:
        append_messages([return_draft(round_)])
