"""Shipments of the sandbox carrier; a real carrier would be asked for its numbers before the rows are written."""

from collections.abc import Sequence

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.trade.delivery.models import Shipment

SANDBOX_CARRIER = "sandbox"


def record_shipments(*, order_ids: Sequence[int]) -> list[Shipment]:
    """Writes one shipment an order, inside the caller's transaction on their one node."""
    if not order_ids:
        return []
    now = database_now(alias_of_id(order_ids[0]))
    return Shipment.objects.bulk_create(
        Shipment(order_id=order_id, carrier=SANDBOX_CARRIER, tracking_no=sandbox_tracking_no(order_id), shipped_at=now)
        for order_id in order_ids
    )


def sandbox_tracking_no(order_id: int) -> str:
    """The order's own tracking number: the same at every call, another for every order."""
    # Two check digits (ISO 7064 MOD 97-10, as on bank accounts): a mistyped number is recognised.
    check = 98 - order_id * 100 % 97
    return f"SB{order_id:019d}{check:02d}"
