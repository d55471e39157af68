"""States of a rescue and the moves between them."""

from enum import StrEnum


class RescueCause(StrEnum):
    LATE_PAYMENT = "late_payment"  # the money came after the order's cancellation
    LOST_SEAT = "lost_seat"  # the order is paid, and its group came to nothing


class RescueState(StrEnum):
    OPEN = "OPEN"  # nothing was taken
    TAKING = "TAKING"  # units and seat may be taken in the ledger
    ASKING = "ASKING"  # the shopper is asked for the surcharge; nothing is taken, the units are the order's
    GIVING_BACK = "GIVING_BACK"  # what may be taken goes back first, then the money
    DONE = "DONE"  # the order has another place, or is bought alone
    REFUSED = "REFUSED"  # the money is on its way back


RESCUE_MOVES: dict[RescueState, frozenset[RescueState]] = {
    RescueState.OPEN: frozenset({RescueState.TAKING, RescueState.ASKING, RescueState.REFUSED}),
    RescueState.TAKING: frozenset({RescueState.DONE, RescueState.GIVING_BACK}),
    RescueState.ASKING: frozenset({RescueState.DONE, RescueState.REFUSED}),
    RescueState.GIVING_BACK: frozenset({RescueState.REFUSED}),
    RescueState.DONE: frozenset(),
    RescueState.REFUSED: frozenset(),
}
UNFINISHED = frozenset({RescueState.OPEN, RescueState.TAKING, RescueState.ASKING, RescueState.GIVING_BACK})
