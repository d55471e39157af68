"""Brings rescues to their end, one step after the other; each step may be made twice, late, or by somebody else.

The ledger gives units and seat in one script that is idempotent by the order's id, and only then the databases say so,
in one transaction on the order's node. Whoever dies in between leaves a row TAKING, and the next run asks the script
again: it tells what was taken. Before money goes back FORGO takes everything out of the ledger for good, so that a call
which is still under way finds nothing to take.

Who asks gateways does it in a job of its own: a silent one keeps no shopper waiting for another place.
"""

import random
import time
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta

import structlog
from django.db.models import F

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.ids.snowflake import IdSourceUnavailable
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_task.rescue.models import Rescue
from pgs_task.rescue.services.buying_alone import advance_alone, wants_to_buy_alone
from pgs_task.rescue.services.ending import end_refused, end_rescued, look_again, move_rescue
from pgs_task.rescue.services.searching import make_wish
from pgs_task.rescue.states import UNFINISHED, RescueCause, RescueState
from pgs_web.api.errors import OUTAGES
from pgs_web.trade.intake.places import PlaceReply, take_place
from pgs_web.trade.order.models import Order
from pgs_web.trade.stock.messages import SettleMovement, SettleReply
from pgs_web.trade.stock.services import Settlement, settle_holds

# A rescue that was picked and not reported is due again after this; longer than its few calls take.
LEASE_SECONDS = 10
PICKED_TOGETHER = 20
# Those wait for shoppers, and then for gateways: so long for as many silent ones as are picked together.
ASKING_LEASE_SECONDS = 30
ASKING_PICKED_TOGETHER = 5
# Stops after this and the call that is under way; the job's lease is longer.
RUN_SECONDS = 20.0
WITHOUT_GATEWAY = UNFINISHED - {RescueState.ASKING}
PASSING: tuple[type[Exception], ...] = (*OUTAGES, IdSourceUnavailable)

_chance = random.SystemRandom()
log = structlog.get_logger(__name__)


def advance_rescues(*, limit: int = 500) -> Counter[RescueState]:
    """Goes on with up to `limit` due rescues a node; counts the states that they are in then. Asks no gateway.

    Costs what is due: an index look-up a node when nothing is. Every node is served, also when another one is down.
    """
    ended: Counter[RescueState] = Counter()
    for alias in node_aliases():
        left = limit
        try:
            while left > 0 and (rescues := _pick_due(alias, WITHOUT_GATEWAY, min(left, PICKED_TOGETHER))):
                left -= len(rescues)
                ended.update(_advance_apart(rescue) for rescue in rescues)
        except OUTAGES as error:
            log.warning("rescue_node_unavailable", node=alias, error=type(error).__name__)
    return ended


def end_overdue_surcharges(*, limit: int = 500) -> Counter[RescueState]:
    """Ends up to `limit` rescues a node whose shopper had to pay by now; counts as advance_rescues does.

    Each may wait for a gateway: the run ends after RUN_SECONDS, and the nodes take turns, so that silent gateways of
    one don't keep the others from being served. What was picked and not reached is due again after its lease.
    """
    ended: Counter[RescueState] = Counter()
    stop_at = time.monotonic() + RUN_SECONDS
    aliases = node_aliases()
    # In any order: none is always the first.
    left = dict.fromkeys(_chance.sample(aliases, k=len(aliases)), limit)
    while left:
        for alias in tuple(left):
            is_in_time = time.monotonic() < stop_at
            rescues = _pick_overdue(alias, min(left[alias], ASKING_PICKED_TOGETHER)) if is_in_time else []
            left[alias] -= len(rescues)
            if not rescues or left[alias] == 0:
                del left[alias]
            for rescue in rescues:
                if time.monotonic() >= stop_at:
                    return ended
                ended[_advance_apart(rescue)] += 1
    return ended


def advance_rescue(rescue: Rescue) -> RescueState:
    """Goes on with one rescue as far as possible now; returns its state. Raises OUTAGES, IdSourceUnavailable."""
    order = Order.objects.get(pk=rescue.order_id)
    is_overdue = database_now(alias_of_id(order.pk)) > rescue.decide_by
    if rescue.state == RescueState.OPEN and is_overdue:
        return end_refused(rescue, outcome="too_late")
    if wants_to_buy_alone(rescue, order):
        return advance_alone(rescue, order)
    if rescue.state == RescueState.OPEN and not move_rescue(rescue, to_state=RescueState.TAKING):
        return RescueState(rescue.state)
    if rescue.state == RescueState.TAKING:
        _take(rescue, order, is_overdue=is_overdue)
    if rescue.state == RescueState.GIVING_BACK and _forgo(rescue, order):
        return end_refused(rescue, outcome=rescue.outcome)
    return RescueState(rescue.state)


def _take(rescue: Rescue, order: Order, *, is_overdue: bool) -> None:
    if is_overdue:
        # Somebody was about to take, or waited, until it was too late.
        move_rescue(rescue, to_state=RescueState.GIVING_BACK, outcome="too_late")
        return
    wish = make_wish(rescue, order)
    if wish is None:
        move_rescue(rescue, to_state=RescueState.GIVING_BACK, outcome="not_possible")
        return
    place = take_place(wish)
    match place.reply:
        case PlaceReply.TAKEN:
            # Dying before this leaves units and seat taken, and the row TAKING.
            if not end_rescued(rescue, order, place):
                move_rescue(rescue, to_state=RescueState.GIVING_BACK, outcome="order_moved")
        case PlaceReply.WAIT:
            look_again(rescue)
        case refusal:
            move_rescue(rescue, to_state=RescueState.GIVING_BACK, outcome=refusal.value.lower())


def _forgo(rescue: Rescue, order: Order) -> bool:
    """Whether the ledger has nothing for the order any more, nor will have; a paid order's units follow its refund."""
    if rescue.cause == RescueCause.LOST_SEAT:
        return True
    settlement = Settlement(activity_id=order.activity_id, order_id=order.pk, movement=SettleMovement.FORGO)
    (reply,) = settle_holds(settlements=[settlement])
    if reply in {SettleReply.NO_STOCK, SettleReply.INCONSISTENT}:
        look_again(rescue)
        return False
    return True


def _advance_apart(rescue: Rescue) -> RescueState:
    """One rescue that our own code stumbles over doesn't keep the others waiting; it is due again after its lease."""
    try:
        return advance_rescue(rescue)
    except PASSING as error:
        log.warning("rescue_put_off", order_id=rescue.order_id, state=rescue.state, error=type(error).__name__)
    except Exception:
        log.exception("rescue_broke_down", order_id=rescue.order_id, state=rescue.state)
    return RescueState(rescue.state)


def _pick_overdue(alias: str, limit: int) -> Sequence[Rescue]:
    try:
        return _pick_due(alias, {RescueState.ASKING}, limit, lease_seconds=ASKING_LEASE_SECONDS)
    except OUTAGES as error:
        log.warning("rescue_node_unavailable", node=alias, error=type(error).__name__)
        return []


def _pick_due(
    alias: str, states: Collection[RescueState], limit: int, *, lease_seconds: int = LEASE_SECONDS
) -> Sequence[Rescue]:
    """Takes due rescues for this process until the lease ends; two at once would be slow, never wrong."""
    due = Rescue.objects.on_node(alias).filter(state__in=states, next_try_at__lte=DatabaseNow())
    # Read without a transaction first: when nothing is due, which is nearly always, no write lock is taken.
    if not due.exists():
        return []
    with node_transaction(alias):
        # Rows that another process is just picking are passed over.
        rescues = list(due.select_for_update(skip_locked=True).order_by("next_try_at")[:limit])
        Rescue.objects.on_node(alias).filter(pk__in=[rescue.pk for rescue in rescues]).update(
            tries=F("tries") + 1, next_try_at=DatabaseNow(after=timedelta(seconds=lease_seconds))
        )
    return rescues
