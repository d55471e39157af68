"""What happens to an order after its group succeeded: it ships and is received."""

from collections.abc import Iterable

from pgs_data.sharding.slots import ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_web.trade.delivery.services import record_shipments
from pgs_web.trade.order.errors import refuse_state
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.selectors import get_order
from pgs_web.trade.order.services.door import ORDERS_A_TRANSACTION, move_order, move_orders
from pgs_web.trade.order.states import OrderState


def mark_to_ship(*, order_ids: Iterable[int]) -> list[Order]:
    """Releases the paid orders of succeeded groups for shipping; others (refunded meanwhile) are left alone."""
    return move_orders(
        order_ids=order_ids,
        from_states={OrderState.AWAITING_GROUP},
        to_state=OrderState.TO_SHIP,
        actor="group",
    )


def mark_shipped(*, order_ids: Iterable[int]) -> list[Order]:
    """Hands orders to the carrier: TO_SHIP → SHIPPED and the shipment's row, both or neither; others are left alone.

    An order that is not released yet, or whose money is on its way back, is not shipped.
    """
    shipped: list[Order] = []
    for alias, ids in ids_by_node(order_ids).items():
        for start in range(0, len(ids), ORDERS_A_TRANSACTION):
            with node_transaction(alias):
                moved = move_orders(
                    order_ids=ids[start : start + ORDERS_A_TRANSACTION],
                    from_states={OrderState.TO_SHIP},
                    to_state=OrderState.SHIPPED,
                    actor="logistics",
                )
                record_shipments(order_ids=[order.pk for order in moved])
            shipped += moved
    return shipped


def confirm_own_receipt(*, member_id: int, order_id: int) -> Order:
    """The member has the goods: SHIPPED → COMPLETED; raises NotFound and WrongState."""
    order = get_order(order_id=order_id, member_id=member_id)
    return confirm_receipt(order_id=order.pk, actor=f"member:{member_id}")


def confirm_receipt(*, order_id: int, actor: str) -> Order:
    """SHIPPED → COMPLETED; raises NotFound and WrongState."""
    completed = move_order(
        order_id=order_id, from_states={OrderState.SHIPPED}, to_state=OrderState.COMPLETED, actor=actor
    )
    if completed is None:
        raise refuse_state(get_order(order_id=order_id).state)
    return completed
