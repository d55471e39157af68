"""What happens to a paid order that has no place any more, and whose shopper wished for another one."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pgs_data.clock import database_now
from pgs_data.messaging.outbox import append_message
from pgs_data.sharding.slots import alias_of_id
from pgs_web.trade.coupon.services import retake_coupons
from pgs_web.trade.order.messages import OrderTopic, describe_lost_seat
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


def ask_surcharge(*, order_id: int, lost_group_id: int, surcharge_fen: int, pay_before: datetime) -> bool:
    """Asks a paid order's shopper for a surcharge to buy alone; False when it doesn't wait for that group any more.

    Call it in a node transaction.
    """
    alias = alias_of_id(order_id)
    if not lock_unseated(alias=alias, groups={order_id: lost_group_id}):
        return False
    rows = Order.objects.on_node(alias).filter(pk=order_id)
    return rows.update(surcharge_fen=surcharge_fen, decide_by=pay_before) == 1


def buy_alone(*, order_id: int, surcharge_fen: int) -> Order | None:
    """Lets an order whose surcharge is paid ship by itself; None when it doesn't wait for one of this amount any more.

    Its units are sold before and stay so; its seat is given up when `order.unseated` is heard. Call it inside the node
    transaction that books the money, so that both are committed or neither.
    """
    alias = alias_of_id(order_id)
    order = Order.objects.on_node(alias).select_for_update().filter(pk=order_id).first()
    if order is None or order.group_id is None or order.decide_by is None or order.surcharge_fen != surcharge_fen:
        return None
    lost_group_id = order.group_id
    bought = move_order(
        order_id=order_id,
        from_states={OrderState.AWAITING_GROUP},
        to_state=OrderState.TO_SHIP,
        reason=RescueReason.ALONE,
        actor="payment",
        columns={
            "group_id": None,
            "mode": OrderMode.ALONE,
            "unit_price_fen": order.unit_price_fen + surcharge_fen // order.quantity,
            "amount_fen": order.amount_fen + surcharge_fen,
        },
    )
    if bought is not None:
        lost_seat = describe_lost_seat(bought, lost_group_id=lost_group_id)
        append_message(topic=OrderTopic.UNSEATED, shard_key=order_id, payload=lost_seat)
    return bought


def _mode_of(order_id: int) -> str | None:
    # It doesn't change before the order is paid.
    return Order.objects.filter(pk=order_id).values_list("mode", flat=True).first()
