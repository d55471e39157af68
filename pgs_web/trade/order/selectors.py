"""Reads of orders that are in their database; those still in the stream are read by the intake."""

from collections.abc import Callable, Iterable, Sequence

from pgs_data.sharding.slots import alias_of_slot, slot_of_id, slot_of_key
from pgs_web.api.errors import NotFound
from pgs_web.trade.delivery.models import Shipment
from pgs_web.trade.order.errors import refuse_unwritten
from pgs_web.trade.order.models import Order, OrderLog

# (member_id, order_id) → is that order accepted and still in the stream? Registered by the intake, which lies above.
UnwrittenReader = Callable[[int, int], bool]
_unwritten_readers: list[UnwrittenReader] = []


def register_unwritten_reader(reader: UnwrittenReader) -> None:
    """Lets get_order tell an order that is still being written down from one that does not exist."""
    _unwritten_readers.append(reader)


def get_order(*, order_id: int, member_id: int | None = None) -> Order:
    """The order, of this member when one is given; raises NotFound, or WrongState while it is still in the stream."""
    if member_id is not None and slot_of_id(order_id) != slot_of_key(member_id):
        # An order's id carries its member's slot: nobody has to be asked about another's.
        raise NotFound()
    order = find_order(order_id=order_id, member_id=member_id)
    if order is not None:
        return order
    if member_id is not None and any(reader(member_id, order_id) for reader in _unwritten_readers):
        raise refuse_unwritten()
    raise NotFound()


def find_order(*, order_id: int, member_id: int | None = None) -> Order | None:
    """The order if it is in its database, and this member's when one is given."""
    orders = Order.objects.filter(pk=order_id)
    return (orders if member_id is None else orders.filter(member_id=member_id)).first()


def list_orders(*, member_id: int, limit: int, before_id: int | None = None) -> list[Order]:
    """A member's newest orders, older than before_id; one query, because all of them live on the member's node."""
    orders = Order.objects.on_node(alias_of_slot(slot_of_key(member_id))).filter(member_id=member_id)
    if before_id is not None:
        orders = orders.filter(pk__lt=before_id)
    return list(orders.order_by("-pk")[:limit])


def shipments_of(orders: Iterable[Order]) -> dict[int, Shipment]:
    """Order id → shipment of those that have one; one query a node."""
    return {shipment.order_id: shipment for shipment in Shipment.objects.for_ids(order.pk for order in orders)}


def order_history(*, order_id: int) -> Sequence[OrderLog]:
    """Every move of an order, oldest first."""
    return OrderLog.objects.filter(order_id=order_id).order_by("sequence")
