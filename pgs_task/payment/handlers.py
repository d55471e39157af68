"""What payment does when the outbox tells about orders; the table of routes names these functions."""

from collections.abc import Sequence

from pgs_data.messaging.relay import Message
from pgs_task.payment.services import RefundWish, close_open_payments, request_partial_refund, request_refunds

# Reason of a refund that answers an after-sale request.
AFTER_SALE_REASON = "after_sale"


def handle_order_refunding(messages: Sequence[Message]) -> None:
    """`order.refunding`: one refund row a payment of the order, however often it is told; process_due_refunds sends it.

    A payment of its surcharge that is still open is closed at the gateway, as handle_order_cancelled does it.
    """
    request_refunds(
        wishes=[
            RefundWish(order_id=message.payload["order_id"], reason=message.payload["reason"]) for message in messages
        ]
    )
    close_open_payments(order_ids=[message.payload["order_id"] for message in messages])


def handle_after_sale_refunding(messages: Sequence[Message]) -> None:
    """`after_sale.refunding`: refunds of the request's amount, once; process_due_refunds sends them."""
    for message in messages:
        # One by one: approvals are pressed by people, and each needs its payment's lock.
        request_partial_refund(
            order_id=message.payload["order_id"],
            request_id=message.payload["request_id"],
            sequence=message.payload["sequence"],
            amount_fen=message.payload["amount_fen"],
            reason=AFTER_SALE_REASON,
        )


def handle_order_cancelled(messages: Sequence[Message]) -> None:
    """`order.cancelled`: its open payment is closed at the gateway, so that nobody pays for nothing.

    One that the gateway has taken meanwhile is booked as LATE and goes back. A gateway that doesn't answer doesn't hold
    the message up: query_waiting_payments closes the payment later.
    """
    causes = {message.payload["order_id"]: f"order cancelled: {message.payload['reason']}" for message in messages}
    close_open_payments(order_ids=causes, causes=causes)
