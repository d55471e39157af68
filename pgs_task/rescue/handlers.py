"""What rescues do when the outbox tells about payments; the table of routes names it."""

from collections.abc import Sequence

from pgs_data.messaging.relay import Message
from pgs_data.sharding.slots import ids_by_node
from pgs_task.rescue.services import end_bought_alone, open_late_rescues


def handle_payment_late(messages: Sequence[Message]) -> None:
    """`payment.late`: the order looks for units and a seat; advance_rescues does it."""
    orders = {message.payload["payment_id"]: message.payload["order_id"] for message in messages}
    for payment_ids in ids_by_node(orders).values():
        open_late_rescues(payments={payment_id: orders[payment_id] for payment_id in payment_ids})


def handle_order_unseated(messages: Sequence[Message]) -> None:
    """`order.unseated`: the surcharge was paid, the order is bought alone."""
    for order_ids in ids_by_node(message.payload["order_id"] for message in messages).values():
        end_bought_alone(order_ids=order_ids)
