"""What payment does when the outbox tells about orders; the table of routes names these functions."""

from collections.abc import Sequence

from pgs_data.messaging.relay import Message
from pgs_task.payment.services import RefundWish, close_open_payments, request_refunds


def handle_order_refunding(messages: Sequence[Message]) -> None:
    """`order.refunding`: one refund row an order, however often it is told; process_due_refunds sends them."""
    request_refunds(
        wishes=[
            RefundWish(order_id=message.payload["order_id"], reason=message.payload["reason"]) for message in messages
        ]
    )


def handle_order_cancelled(messages: Sequence[Message]) -> None:
    """`order.cancelled`: its open payment is closed at the gateway, so that nobody pays for nothing.

    One that the gateway has taken meanwhile is booked as LATE and goes back. A gateway that doesn't answer doesn't hold
    the message up: query_waiting_payments closes the payment later.
    """
    close_open_payments(order_ids=[message.payload["order_id"] for message in messages])
