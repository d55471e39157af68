"""Business acts on orders; every one of them goes through the door of the state."""

from pgs_web.trade.order.services.buying import (
    cancel_order,
    cancel_orders,
    cancel_own_order,
    cancel_unpaid_orders,
    mark_paid,
)
from pgs_web.trade.order.services.discounting import use_coupons
from pgs_web.trade.order.services.door import move_order, move_orders
from pgs_web.trade.order.services.refunding import finish_refund, request_refund, start_refund, start_refunds
from pgs_web.trade.order.services.rescuing import (
    ask_surcharge,
    buy_alone,
    lock_unseated,
    reseat_order,
    revive_order,
    set_decide_by,
)
from pgs_web.trade.order.services.shipping import confirm_own_receipt, confirm_receipt, mark_shipped, mark_to_ship

__all__ = [
    "ask_surcharge",
    "buy_alone",
    "cancel_order",
    "cancel_orders",
    "cancel_own_order",
    "cancel_unpaid_orders",
    "confirm_own_receipt",
    "confirm_receipt",
    "finish_refund",
    "lock_unseated",
    "mark_paid",
    "mark_shipped",
    "mark_to_ship",
    "move_order",
    "move_orders",
    "request_refund",
    "reseat_order",
    "revive_order",
    "set_decide_by",
    "start_refund",
    "start_refunds",
    "use_coupons",
]
