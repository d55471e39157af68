"""The ends of a rescue: the order has another place, or its money goes back; one transaction on its node."""

from datetime import timedelta

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.messaging.outbox import append_message
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.services import accept_late_payment, return_late_payment
from pgs_task.rescue.models import Rescue
from pgs_task.rescue.states import RESCUE_MOVES, RescueCause, RescueState
from pgs_web.trade.group.packed import PackedGroup
from pgs_web.trade.intake.places import Place
from pgs_web.trade.order.messages import OrderTopic, describe_new_seat
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import lock_unseated, reseat_order, set_decide_by, start_refunds
from pgs_web.trade.order.states import RefundReason

# What waits for somebody else is looked at again after this.
WAIT_SECONDS = 1


def move_rescue(rescue: Rescue, *, to_state: RescueState, **changes: object) -> bool:
    """Moves a rescue from the state it was read in, in a transaction of its own or the caller's; False when it moved.

    The row in memory then has the state that it is in.
    """
    from_state = RescueState(rescue.state)
    if to_state not in RESCUE_MOVES[from_state]:
        raise ValueError(f"No rescue goes from {from_state} to {to_state}.")
    with node_transaction(rescue.order_id):
        rows = Rescue.objects.filter(order_id=rescue.order_id, pk=rescue.pk)
        moved = rows.filter(state=from_state).update(state=to_state, **changes) == 1
        if not moved:
            rescue.refresh_from_db()
            return False
    rescue.state = to_state
    for field, value in changes.items():
        setattr(rescue, field, value)
    return True


def look_again(rescue: Rescue) -> None:
    """Lets a rescue that waits for somebody else be due again in a moment."""
    with node_transaction(rescue.order_id):
        Rescue.objects.filter(order_id=rescue.order_id, pk=rescue.pk, state=rescue.state).update(
            next_try_at=DatabaseNow(after=timedelta(seconds=WAIT_SECONDS))
        )


def end_rescued(rescue: Rescue, order: Order, place: Place) -> bool:
    """Books that the order has the place that it took in the ledger; False when the order has gone another way.

    True also when somebody else has booked it before.
    """
    try:
        with node_transaction(order.pk) as alias:
            # The order's lock first, as everywhere where its money is decided about.
            Order.objects.select_for_update().get(pk=order.pk)
            finished_at = database_now(alias)
            if not move_rescue(rescue, to_state=RescueState.DONE, finished_at=finished_at, outcome=_describe(place)):
                return rescue.state == RescueState.DONE
            _seat(rescue, order, place)
    except _OrderGone:
        rescue.refresh_from_db()
        return False
    return True


class _OrderGone(Exception):
    """The order went another way: rolls the transaction back."""


def _seat(rescue: Rescue, order: Order, place: Place) -> None:
    lost_group_id = order.group_id
    if rescue.cause == RescueCause.LATE_PAYMENT:
        seated = accept_late_payment(payment_id=rescue.reference, order_id=order.pk, group_id=place.group_id)
    elif lost_group_id is not None and place.group_id is not None:
        seated = reseat_order(order_id=order.pk, lost_group_id=lost_group_id, group_id=place.group_id)
    else:
        seated = None
    if seated is None:
        raise _OrderGone
    if lost_group_id is None or place.group_id == lost_group_id:
        return
    if place.group is None:
        # The ledger has forgotten the group meanwhile: nobody could write it down.
        raise _OrderGone
    new_seat = describe_new_seat(seated, lost_group_id=lost_group_id, group=_facts_of(place.group))
    append_message(topic=OrderTopic.RESEATED, shard_key=order.pk, payload=new_seat)


def end_refused(rescue: Rescue, *, outcome: str) -> RescueState:
    """Sends the order's money on its way back; the ledger gives it nothing any more. Returns the rescue's state."""
    with node_transaction(rescue.order_id) as alias:
        order = Order.objects.select_for_update().get(pk=rescue.order_id)
        if not move_rescue(rescue, to_state=RescueState.REFUSED, finished_at=database_now(alias), outcome=outcome):
            return RescueState(rescue.state)
        if rescue.cause == RescueCause.LATE_PAYMENT:
            return_late_payment(payment_id=rescue.reference)
            set_decide_by(alias=alias, order_ids=[order.pk], decide_by=None)
        elif lock_unseated(alias=alias, groups={order.pk: rescue.reference}):
            start_refunds(order_ids=[order.pk], reason=RefundReason.GROUP_FAILED, actor="group")
    return RescueState.REFUSED


def _describe(place: Place) -> str:
    return "alone" if place.group_id is None else f"group {place.group_id}"


def _facts_of(group: PackedGroup) -> dict[str, int]:
    return {
        "leader_member_id": group.leader_member_id,
        "size": group.size,
        "price_fen": group.price_fen,
        "rules_version": group.rules_version,
        "opened_ms": group.opened_ms,
        "deadline_ms": group.deadline_ms,
    }
