"""What the outbox says about orders: one topic a destination, one payload for all."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pgs_data.clock import to_ms
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState


class OrderTopic(StrEnum):
    UNPAID = "order.unpaid"  # persisted by the drain
    PAID = "order.paid"  # has money, and a seat that should count, if it has one
    RESEATED = "order.reseated"  # its seat is in another group from now on
    UNSEATED = "order.unseated"  # it is bought alone from now on, without the group that it waited for
    TO_SHIP = "order.to_ship"
    SHIPPED = "order.shipped"
    COMPLETED = "order.completed"
    CANCELLED = "order.cancelled"
    REFUNDING = "order.refunding"
    REFUNDED = "order.refunded"
    REJECTED = "order.rejected"


_TOPIC_OF_ARRIVAL: dict[OrderState, OrderTopic] = {
    OrderState.UNPAID: OrderTopic.UNPAID,
    OrderState.AWAITING_GROUP: OrderTopic.PAID,
    OrderState.TO_SHIP: OrderTopic.TO_SHIP,
    OrderState.SHIPPED: OrderTopic.SHIPPED,
    OrderState.COMPLETED: OrderTopic.COMPLETED,
    OrderState.CANCELLED: OrderTopic.CANCELLED,
    OrderState.REFUNDING: OrderTopic.REFUNDING,
    OrderState.REFUNDED: OrderTopic.REFUNDED,
    OrderState.REJECTED: OrderTopic.REJECTED,
}


def topics_of_move(*, from_state: OrderState, to_state: OrderState) -> tuple[OrderTopic, ...]:
    """Topics that a move is told under; an order bought alone is paid and ready to ship in one move."""
    arrival = _TOPIC_OF_ARRIVAL[to_state]
    if from_state in {OrderState.UNPAID, OrderState.CANCELLED} and to_state == OrderState.TO_SHIP:
        return (OrderTopic.PAID, arrival)
    return (arrival,)


def describe_order(order: Order, *, at: datetime) -> dict[str, Any]:
    """Payload of every order topic: ids and amounts only, nothing personal; times in milliseconds since 1970."""
    return {
        "order_id": order.pk,
        "group_id": order.group_id,
        "member_id": order.member_id,
        "activity_id": order.activity_id,
        "sku_id": order.sku_id,
        "merchant_id": order.merchant_id,
        "quantity": order.quantity,
        "amount_fen": order.amount_fen,
        "state": str(order.state),
        "reason": order.reason,
        "at_ms": to_ms(at),
        "paid_at_ms": to_ms(order.paid_at) if order.paid_at else None,
        # Only where it is so: nearly no order did.
        **({"by_pass": True} if order.told.by_pass else {}),
    }


def payload_of(order: Order, *, from_state: OrderState, at: datetime) -> dict[str, Any]:
    """Payload of a move: `is_revived` where a cancelled order was taken up again, whose seat may be given up."""
    payload = describe_order(order, at=at)
    return {**payload, "is_revived": True} if from_state == OrderState.CANCELLED else payload


def describe_lost_seat(order: Order, *, lost_group_id: int) -> dict[str, Any]:
    """Payload of `order.unseated`."""
    return {"order_id": order.pk, "lost_group_id": lost_group_id}


def describe_new_seat(order: Order, *, lost_group_id: int, group: dict[str, int]) -> dict[str, Any]:
    """Payload of `order.reseated`: the group as it was opened, so that whoever hears it first can write it down."""
    return {"order_id": order.pk, "group_id": order.group_id, "lost_group_id": lost_group_id, "group": group}
