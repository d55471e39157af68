"""Requests end: with the money back, or because the goods never came."""

from django.db import OperationalError
from django.db.models import Q

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import node_aliases
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.services.door import move_request
from pgs_web.trade.after_sale.states import EndReason, RequestState


def finish_request(*, request_id: int) -> bool:
    """REFUNDING → DONE, when the money is back; False when it was done before.

    Call it inside the node transaction that books the money, so that both are committed or neither.
    """
    moved = move_request(
        request_id=request_id, from_states={RequestState.REFUNDING}, to_state=RequestState.DONE, actor="payment"
    )
    return moved is not None


def cancel_overdue_returns(*, limit: int = 200) -> int:
    """Cancels up to `limit` requests a node whose goods weren't sent back in time; costs what is due. Returns how many.

    Only the database's clock counts. One whose parcel is on its way waits for us instead. Every node is served before
    an outage is raised.
    """
    cancelled, outages = 0, []
    for alias in node_aliases():
        try:
            for request_id in _overdue_returns(alias, limit):
                moved = move_request(
                    request_id=request_id,
                    from_states={RequestState.RETURNING},
                    to_state=RequestState.CANCELLED,
                    actor="clock",
                    reason=EndReason.NOT_RETURNED,
                    # Told in this moment that it is on its way: it stays.
                    condition=Q(tracking_no=""),
                    answer=EndReason.NOT_RETURNED,
                )
                cancelled += moved is not None
        except OperationalError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return cancelled


def _overdue_returns(alias: str, limit: int) -> list[int]:
    due = AfterSaleRequest.objects.on_node(alias).filter(
        state=RequestState.RETURNING, latest_by__lte=DatabaseNow(), tracking_no=""
    )
    return list(due.order_by("latest_by").values_list("pk", flat=True)[:limit])
