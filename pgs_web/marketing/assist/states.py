"""The states of an assist group."""

from enum import StrEnum

CODE = "assist"


class RoundState(StrEnum):
    RUNNING = "RUNNING"  # friends help
    SUCCEEDED = "SUCCEEDED"  # all have helped; a unit is reserved, and there is a coupon for it
    BOUGHT = "BOUGHT"  # the unit is paid
    LAPSED = "LAPSED"  # it wasn't bought in time
    EXPIRED = "EXPIRED"  # its time was over before all had helped
    GIVEN_UP = "GIVEN_UP"  # by who started it


MOVES: dict[RoundState, frozenset[RoundState]] = {
    RoundState.RUNNING: frozenset({RoundState.SUCCEEDED, RoundState.EXPIRED, RoundState.GIVEN_UP}),
    RoundState.SUCCEEDED: frozenset({RoundState.BOUGHT, RoundState.LAPSED}),
    # Its order came to nothing: within the time to buy there may be another one.
    RoundState.BOUGHT: frozenset({RoundState.SUCCEEDED, RoundState.LAPSED}),
    RoundState.LAPSED: frozenset(),
    RoundState.EXPIRED: frozenset(),
    RoundState.GIVEN_UP: frozenset(),
}

# Whose unit is reserved, or bought.
ENTITLED = (RoundState.SUCCEEDED, RoundState.BOUGHT)
