"""States of groups and seats and the moves between them."""

from enum import StrEnum


class GroupState(StrEnum):
    FORMING = "FORMING"  # waiting for friends
    SUCCEEDED = "SUCCEEDED"  # complete; everybody's order ships
    FAILED = "FAILED"  # not complete in time; everybody gets the money back
    SETTLED = "SETTLED"  # failed, and every member has been made whole


class FailReason(StrEnum):
    TIMEOUT = "timeout"
    SOLD_OUT = "sold_out"
    WITHDRAWN = "withdrawn"
    LEADER_LEFT = "leader_left"
    RISK = "risk"


class SeatState(StrEnum):
    HELD = "HELD"  # waits for the member's payment
    PAID = "PAID"  # paid; waits for the others
    CONFIRMED = "CONFIRMED"  # the group succeeded
    RELEASED = "RELEASED"  # given back; no money goes back with it
    REFUNDED = "REFUNDED"  # given back with the money


class GuaranteeState(StrEnum):
    RESERVED = "RESERVED"  # its cost is set aside; the group is not decided yet
    USED = "USED"  # the group succeeded with these seats


GROUP_MOVES: dict[GroupState, frozenset[GroupState]] = {
    GroupState.FORMING: frozenset({GroupState.SUCCEEDED, GroupState.FAILED}),
    GroupState.SUCCEEDED: frozenset(),
    GroupState.FAILED: frozenset({GroupState.SETTLED}),
    GroupState.SETTLED: frozenset(),
}
SEAT_MOVES: dict[SeatState, frozenset[SeatState]] = {
    SeatState.HELD: frozenset({SeatState.PAID, SeatState.RELEASED, SeatState.REFUNDED}),
    # Released with its money when the order takes a place elsewhere.
    SeatState.PAID: frozenset({SeatState.CONFIRMED, SeatState.REFUNDED, SeatState.RELEASED}),
    SeatState.CONFIRMED: frozenset(),
    # Again, when a cancelled order was taken up again.
    SeatState.RELEASED: frozenset({SeatState.PAID, SeatState.REFUNDED}),
    SeatState.REFUNDED: frozenset(),
}
ACTIVE_SEATS = frozenset({SeatState.HELD, SeatState.PAID, SeatState.CONFIRMED})
