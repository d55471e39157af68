"""What happens to a paid order that has no place any more, and whose shopper wished for another one."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.trade.coupon.services import retake_coupons
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.services.door import move_order
from pgs_web.trade.order.states import OrderState, RescueReason


def lock_unseated(*, alias: str, groups: Mapping[int, int]) -> list[Order]:
    """Those of the orders (order → group) that are paid and still wait for that group, locked by key.

    Whoever heard of the group's end late finds that the order has gone on, to another group or with its money.
    """
    orders = Order.objects.on_node(alias).select_for_update().filter(pk__in=list(groups)).order_by("pk")
    return [
        order for order in orders if order.state == OrderState.AWAITING_GROUP and order.group_id == groups[order.pk]
    ]


def set_decide_by(*, order_ids: Iterable[int], decide_by: datetime | None, alias: str) -> None:
    """Tells the shoppers of locked orders until when it is decided what becomes of them."""
    Order.objects.on_node(alias).filter(pk__in=list(order_ids)).update(decide_by=decide_by)


def revive_order(*, order_id: int, paid_at: datetime, group_id: int | None) -> Order | None:
    """Takes a CANCELLED order up again, paid, in this group; None when it isn't CANCELLED, or one of its coupons
    is on another order by now: a None must roll back.

    Only for who took units and seat for it in the ledger before, and books its money in the same node transaction.
    """
    to_state = OrderState.TO_SHIP if _mode_of(order_id) == OrderMode.ALONE else OrderState.AWAITING_GROUP
    if not _has_its_coupons(order_id):
        return None
    return move_order(
        order_id=order_id,
        from_states={OrderState.CANCELLED},
        to_state=to_state,
        reason=RescueReason.LATE_PAYMENT,
        actor="payment",
        paid_at=paid_at,
        group_id=group_id,
    )


def reseat_order(*, order_id: int, lost_group_id: int, group_id: int) -> Order | None:
    """Lets a paid order wait for another group; None when it doesn't wait for the one that it lost any more.

    Only for who took a seat for it in the ledger before.
    """
    if not lock_unseated(alias=alias_of_id(order_id), groups={order_id: lost_group_id}):
        return None
    return move_order(
        order_id=order_id,
        from_states={OrderState.AWAITING_GROUP},
        to_state=OrderState.AWAITING_GROUP,
        reason=RescueReason.MOVED,
        actor="group",
        group_id=group_id,
    )


def _has_its_coupons(order_id: int) -> bool:
    """Takes the coupons again that the cancellation gave back: what was paid is the amount less their discount."""
    alias = alias_of_id(order_id)
    order = Order.objects.on_node(alias).select_for_update().filter(pk=order_id, state=OrderState.CANCELLED).first()
    if order is None or not order.discount_fen:
        return order is not None
    return retake_coupons(alias=alias, order_id=order_id, now=database_now(alias))


def _mode_of(order_id: int) -> str | None:
    # It never changes.
    return Order.objects.filter(pk=order_id).values_list("mode", flat=True).first()
