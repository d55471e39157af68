"""Which handler gets the messages of which topic: the only place where what happened meets what follows from it."""

from collections.abc import Mapping

from pgs_data.messaging.relay import Handler
from pgs_task.handlers.acknowledging import acknowledge, in_turn
from pgs_task.handlers.groups import (
    handle_group_extended,
    handle_group_failed,
    handle_group_succeeded,
    handle_seat_left,
)
from pgs_task.handlers.orders import (
    handle_order_cancelled,
    handle_order_paid,
    handle_order_refunded,
    handle_order_reseated,
    handle_order_unseated,
)
from pgs_task.logistics.services import announce_orders_to_ship
from pgs_task.payment import handlers as payment
from pgs_task.payment.messages import PaymentTopic
from pgs_task.play_messages.routes import with_plays
from pgs_task.rescue import handlers as rescue
from pgs_web.trade.after_sale.messages import AfterSaleTopic
from pgs_web.trade.group.messages import GroupTopic
from pgs_web.trade.order.messages import OrderTopic

_OF_THE_SHOP: Mapping[str, Handler] = {
    # The order is in its database; nothing follows from that yet (statistics will).
    OrderTopic.UNPAID: acknowledge,
    # Its seat counts or is lost; its units are sold.
    OrderTopic.PAID: handle_order_paid,
    # Its seat in another group is written down, the old one is free.
    OrderTopic.RESEATED: handle_order_reseated,
    # Bought alone: its seat in the group that it lost is free, and its rescue is done.
    OrderTopic.UNSEATED: in_turn(handle_order_unseated, rescue.handle_order_unseated),
    # The bus tells logistics.
    OrderTopic.TO_SHIP: announce_orders_to_ship,
    # The log rows have it; nothing follows yet (the merchants' copy will).
    OrderTopic.SHIPPED: acknowledge,
    OrderTopic.COMPLETED: acknowledge,
    # Seat and units are given back first, so that others can buy; then nobody can pay for it any more.
    OrderTopic.CANCELLED: in_turn(handle_order_cancelled, payment.handle_order_cancelled),
    # A refund a payment; nobody can pay for it any more.
    OrderTopic.REFUNDING: payment.handle_order_refunding,
    # Seat and units are given back; a failed group in which nobody is left is settled.
    OrderTopic.REFUNDED: handle_order_refunded,
    # The intake gave everything back when it rejected the order.
    OrderTopic.REJECTED: acknowledge,
    # Shoppers and operators read the row; only an approval has an effect elsewhere: one refund of the request's amount.
    AfterSaleTopic.REQUESTED: acknowledge,
    AfterSaleTopic.IN_REVIEW: acknowledge,
    AfterSaleTopic.RETURNING: acknowledge,
    AfterSaleTopic.REFUNDING: payment.handle_after_sale_refunding,
    AfterSaleTopic.DONE: acknowledge,
    AfterSaleTopic.REFUSED: acknowledge,
    AfterSaleTopic.CANCELLED: acknowledge,
    # Its order looks for units and a seat, as its shopper wished.
    PaymentTopic.LATE: rescue.handle_payment_late,
    # The group's page reads the row.
    GroupTopic.FORMED: acknowledge,
    # Nobody joins any more; all of its orders ship.
    GroupTopic.SUCCEEDED: handle_group_succeeded,
    # Nobody joins any more; its orders are cancelled or refunded.
    GroupTopic.FAILED: handle_group_failed,
    GroupTopic.SETTLED: acknowledge,
    # The ledger admits until the new deadline.
    GroupTopic.EXTENDED: handle_group_extended,
    # A paid member left in time: the money goes back.
    GroupTopic.SEAT_LEFT: handle_seat_left,
}
ROUTES: Mapping[str, Handler] = with_plays(_OF_THE_SHOP)
