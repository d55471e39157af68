"""The colours of an order's states."""

from pgs_web.trade.order.states import OrderState

STATE_COLOURS = {
    OrderState.UNPAID.value: "warning",
    OrderState.AWAITING_GROUP.value: "info",
    OrderState.TO_SHIP.value: "info",
    OrderState.SHIPPED.value: "success",
    OrderState.COMPLETED.value: "success",
    OrderState.REFUNDING.value: "warning",
    OrderState.CANCELLED.value: "danger",
    OrderState.REFUNDED.value: "danger",
}
