"""Reads of orders that are in their database; those still in the stream are read by the intake."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id, alias_of_slot, slot_of_id, slot_of_key
from pgs_web.api.errors import NotFound
from pgs_web.display.product.models import Sku
from pgs_web.trade.coupon.fitting import Purchase
from pgs_web.trade.coupon.selectors import fitting_coupons, uses_of_order
from pgs_web.trade.delivery.models import Shipment
from pgs_web.trade.order.errors import refuse_unwritten
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.states import OrderState

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


def describe_purchase(order: Order) -> Purchase:
    """What the order's coupons are judged by; one query, for the product."""
    return Purchase(
        order_id=order.pk,
        member_id=order.member_id,
        activity_id=order.activity_id,
        product_id=Sku.objects.filter(pk=order.sku_id).values_list("product_id", flat=True).first(),
        mode=order.mode,
        quantity=order.quantity,
        sum_fen=order.quantity * order.unit_price_fen,
    )


def describe_coupons(order: Order) -> dict[str, Any]:
    """What coupons make of an order: what each takes off, what each unit costs then, and which others would fit."""
    now = database_now(alias_of_id(order.pk))
    purchase = describe_purchase(order)
    return {
        "order_id": order.pk,
        "sum_fen": purchase.sum_fen,
        "discount_fen": order.discount_fen,
        "amount_fen": order.amount_fen,
        "coupons": uses_of_order(order_id=order.pk),
        "units": split_units(order),
        "fitting": fitting_coupons(purchase=purchase, now=now) if order.state == OrderState.UNPAID else [],
        "server_time": now,
    }


def split_units(order: Order) -> list[dict[str, int]]:
    """What the units of an order cost after its discount, dearest first; their sum is its amount to the fen.

    The units of an order cost the same before, so there are two prices at most, a fen apart.
    """
    base_fen, left = divmod(order.amount_fen, order.quantity)
    by_price = {base_fen + 1: left, base_fen: order.quantity - left}
    return [{"units": units, "amount_fen": fen} for fen, units in by_price.items() if units]
