"""An order's states and the moves between them."""

from enum import StrEnum


class OrderState(StrEnum):
    ACCEPTED = "ACCEPTED"  # you have it; we are writing it down
    UNPAID = "UNPAID"  # pay until the deadline
    AWAITING_GROUP = "AWAITING_GROUP"  # paid; waiting for the group to fill
    TO_SHIP = "TO_SHIP"  # being packed
    SHIPPED = "SHIPPED"  # on its way
    COMPLETED = "COMPLETED"  # received
    CANCELLED = "CANCELLED"  # not bought; nothing is owed
    REFUNDING = "REFUNDING"  # your money is on its way back
    REFUNDED = "REFUNDED"  # you have your money back
    REJECTED = "REJECTED"  # could not become an order; nothing is owed


class CancelReason(StrEnum):
    UNPAID = "unpaid"
    BY_MEMBER = "by_member"
    GROUP_FAILED = "group_failed"
    RISK = "risk"
    OUT_OF_STOCK = "out_of_stock"
    BY_OPERATOR = "by_operator"


MOVES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.ACCEPTED: frozenset({OrderState.UNPAID, OrderState.REJECTED}),
    OrderState.UNPAID: frozenset({OrderState.AWAITING_GROUP, OrderState.TO_SHIP, OrderState.CANCELLED}),
    # To itself: its seat is in another group from now on.
    OrderState.AWAITING_GROUP: frozenset({OrderState.AWAITING_GROUP, OrderState.TO_SHIP, OrderState.REFUNDING}),
    OrderState.TO_SHIP: frozenset({OrderState.SHIPPED, OrderState.REFUNDING}),
    # REFUNDING after shipping: as operators refunded before there was after-sale service, which leaves the order alone.
    OrderState.SHIPPED: frozenset({OrderState.COMPLETED, OrderState.REFUNDING}),
    OrderState.COMPLETED: frozenset({OrderState.REFUNDING}),
    OrderState.REFUNDING: frozenset({OrderState.REFUNDED}),
    # Taken up again for a payment that came too late.
    OrderState.CANCELLED: frozenset({OrderState.AWAITING_GROUP, OrderState.TO_SHIP}),
    OrderState.REFUNDED: frozenset(),
    OrderState.REJECTED: frozenset(),
}

LOCKED = frozenset({OrderState.ACCEPTED, OrderState.UNPAID})
SOLD = frozenset(
    {
        OrderState.AWAITING_GROUP,
        OrderState.TO_SHIP,
        OrderState.SHIPPED,
        OrderState.COMPLETED,
        OrderState.REFUNDING,
    }
)


class RescueReason(StrEnum):
    LATE_PAYMENT = "late_payment"  # taken up again after its cancellation
    MOVED = "moved"  # into another group
    ALONE = "alone"  # bought alone, for a surcharge


class RefundReason(StrEnum):
    GROUP_FAILED = "group_failed"
    BY_MEMBER = "by_member"
    BY_OPERATOR = "by_operator"
    RISK = "risk"
    # Its group keeps seats for new members, and the payer had paid an order before.
    NOT_NEW_MEMBER = "not_new_member"
