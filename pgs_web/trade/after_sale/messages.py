"""What the outbox says about after-sale requests: one topic a state."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pgs_data.clock import to_ms
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.states import RequestState


class AfterSaleTopic(StrEnum):
    REQUESTED = "after_sale.requested"
    IN_REVIEW = "after_sale.in_review"
    RETURNING = "after_sale.returning"
    REFUNDING = "after_sale.refunding"  # approved: payment sends the money back
    DONE = "after_sale.done"
    REFUSED = "after_sale.refused"
    CANCELLED = "after_sale.cancelled"


TOPIC_OF_ARRIVAL: dict[RequestState, AfterSaleTopic] = {state: AfterSaleTopic[state.name] for state in RequestState}


def describe_request(request: AfterSaleRequest, *, at: datetime) -> dict[str, Any]:
    """Payload of every topic: ids, codes and amounts; nothing that the shopper wrote. Times in milliseconds."""
    return {
        "request_id": request.pk,
        "order_id": request.order_id,
        "sequence": request.sequence,
        "member_id": request.member_id,
        "merchant_id": request.merchant_id,
        "kind": str(request.kind),
        "cause": str(request.cause),
        "amount_fen": request.amount_fen,
        "quantity": request.quantity,
        "state": str(request.state),
        "at_ms": to_ms(at),
    }
