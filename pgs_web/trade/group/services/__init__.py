"""Business acts on groups; every one locks the group's row first, and goes through the door of its state."""

from pgs_web.trade.group.services.ending import (
    fail_expired_groups,
    fail_group,
    fail_groups,
    fail_withdrawn_groups,
    settle_groups,
)
from pgs_web.trade.group.services.extending import ask_extension, extend_due_groups
from pgs_web.trade.group.services.guaranteeing import settle_guarantees
from pgs_web.trade.group.services.leaving import (
    LeaveOutcome,
    SeatOfOrder,
    hand_over_seats,
    leave_group,
    refund_seats,
    release_seats,
)
from pgs_web.trade.group.services.paying import PaidSeat, PaymentsReport, count_paid_seats

__all__ = [
    "LeaveOutcome",
    "PaidSeat",
    "PaymentsReport",
    "SeatOfOrder",
    "ask_extension",
    "count_paid_seats",
    "extend_due_groups",
    "fail_expired_groups",
    "fail_group",
    "fail_groups",
    "fail_withdrawn_groups",
    "hand_over_seats",
    "leave_group",
    "refund_seats",
    "release_seats",
    "settle_groups",
    "settle_guarantees",
]
