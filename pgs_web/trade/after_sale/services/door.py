"""The only door of a request's state: table, conditional UPDATE, log and outbox in one transaction."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q

from pgs_data.clock import database_now
from pgs_data.messaging.outbox import append_message
from pgs_data.sharding.transactions import node_transaction
from pgs_web.trade.after_sale.messages import TOPIC_OF_ARRIVAL, describe_request
from pgs_web.trade.after_sale.models import AfterSaleLog, AfterSaleRequest
from pgs_web.trade.after_sale.states import MOVES, OPEN, RequestState


def move_request(
    *,
    request_id: int,
    from_states: Collection[RequestState],
    to_state: RequestState,
    actor: str,
    reason: str = "",
    condition: Q | None = None,
    **columns: Any,
) -> AfterSaleRequest | None:
    """Moves one request; None when it doesn't exist, is in another state or the condition isn't true of it.

    The condition is judged by the UPDATE that moves it, so what it says can't change in between.
    """
    refused = [state for state in from_states if to_state not in MOVES[state]]
    if refused:
        raise ValueError(f"No request goes from {', '.join(refused)} to {to_state}.")
    with node_transaction(request_id) as alias:
        # Locked for the log: its row names the state that was left.
        request = AfterSaleRequest.objects.on_node(alias).select_for_update().filter(pk=request_id).first()
        if request is None or request.state not in from_states:
            return None
        from_state, now = RequestState(request.state), database_now(alias)
        columns |= {
            "state": to_state,
            "changed_at": now,
            "latest_by": latest_by(to_state, now=now),
            "open_order_id": request.order_id if to_state in OPEN else None,
        }
        rows = AfterSaleRequest.objects.on_node(alias).filter(condition or Q(), pk=request_id, state=from_state)
        if rows.update(log_count=F("log_count") + 1, **columns) != 1:
            return None
        for field, value in columns.items():
            setattr(request, field, value)
        request.log_count += 1
        tell_move(request, from_state=from_state, actor=actor, reason=reason, now=now)
    return request


def tell_move(request: AfterSaleRequest, *, from_state: str, actor: str, reason: str, now: datetime) -> None:
    """Log and outbox of a move, inside the transaction that made it."""
    AfterSaleLog.objects.create(
        request_id=request.pk,
        sequence=request.log_count,
        from_state=from_state,
        to_state=request.state,
        reason=reason,
        actor=actor,
        at=now,
    )
    topic = TOPIC_OF_ARRIVAL[RequestState(request.state)]
    append_message(topic=topic, shard_key=request.order_id, payload=describe_request(request, at=now))


def latest_by(state: RequestState, *, now: datetime) -> datetime | None:
    """Until when a request that comes into this state now is to leave it."""
    seconds = {
        RequestState.REQUESTED: settings.AFTER_SALE_DECIDE_SECONDS,
        RequestState.IN_REVIEW: settings.AFTER_SALE_DECIDE_SECONDS,
        RequestState.RETURNING: settings.AFTER_SALE_RETURN_SECONDS,
        RequestState.REFUNDING: settings.REFUND_WITHIN_SECONDS,
    }.get(state)
    return None if seconds is None else now + timedelta(seconds=seconds)
