"""What happens to an order whose money goes back."""

from collections.abc import Collection, Iterable

from pgs_web.trade.group.services import LeaveOutcome, leave_group
from pgs_web.trade.order.errors import refuse_state, refuse_unwritten
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.selectors import get_order
from pgs_web.trade.order.services.door import move_order, move_orders
from pgs_web.trade.order.states import OrderState, RefundReason

# What has left the house stays sold: its money goes back through an after-sale request, and the order keeps its state.
REFUNDABLE_BY_OPERATOR = frozenset({OrderState.TO_SHIP})


def start_refund(
    *, order_id: int, reason: RefundReason, actor: str, from_states: Collection[OrderState] = REFUNDABLE_BY_OPERATOR
) -> Order | None:
    """Sends an order's money on its way back (state REFUNDING, `order.refunding`); None when it is in no such state.

    AWAITING_GROUP is not among the defaults: such an order has to leave its group first (request_refund).
    """
    return move_order(
        order_id=order_id, from_states=from_states, to_state=OrderState.REFUNDING, reason=reason, actor=actor
    )


def start_refunds(*, order_ids: Iterable[int], reason: RefundReason, actor: str) -> list[Order]:
    """Refunds paid orders that have no group to wait for any more; orders in other states are left alone."""
    return move_orders(
        order_ids=order_ids,
        from_states={OrderState.AWAITING_GROUP},
        to_state=OrderState.REFUNDING,
        reason=reason,
        actor=actor,
    )


def finish_refund(*, order_id: int) -> bool:
    """REFUNDING → REFUNDED, when the gateway has given the money back; False when it was done before."""
    moved = move_order(
        order_id=order_id, from_states={OrderState.REFUNDING}, to_state=OrderState.REFUNDED, actor="payment"
    )
    return moved is not None


def request_refund(*, member_id: int, order_id: int) -> Order:
    """The member wants the money back before the goods leave; raises NotFound and WrongState."""
    order = get_order(order_id=order_id, member_id=member_id)
    actor = f"member:{member_id}"
    reason = RefundReason.BY_MEMBER
    from_states = {OrderState.TO_SHIP}
    if order.state == OrderState.AWAITING_GROUP and order.group_id is not None:
        # The group decides first, on its own node: from the commit on, this seat can't complete it. If this process
        # dies before the order moves, the group's `seat.left` message moves it.
        match leave_group(group_id=order.group_id, order_id=order.pk):
            case LeaveOutcome.NO_SEAT_YET:
                raise refuse_unwritten()
            case LeaveOutcome.FAILED:
                reason = RefundReason.GROUP_FAILED
            case LeaveOutcome.LEFT | LeaveOutcome.SUCCEEDED:
                # A succeeded group keeps its seat, as with every order that is returned before it ships.
                pass
        from_states = {OrderState.AWAITING_GROUP, OrderState.TO_SHIP}
    refunding = start_refund(order_id=order.pk, reason=reason, actor=actor, from_states=from_states)
    if refunding is not None:
        return refunding
    now = get_order(order_id=order.pk)
    if order.state == OrderState.AWAITING_GROUP and now.state in {OrderState.REFUNDING, OrderState.REFUNDED}:
        # Between the group's commit and ours a handler moved the order: it is what was asked for.
        return now
    raise refuse_state(now.state)
