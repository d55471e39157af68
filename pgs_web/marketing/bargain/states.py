"""The states of a bargain."""

from enum import StrEnum

CODE = "bargain"


class RoundState(StrEnum):
    RUNNING = "RUNNING"  # helpers cut
    REACHED = "REACHED"  # the price is what it is; there is a coupon for it
    EXPIRED = "EXPIRED"  # its time was over first
    GIVEN_UP = "GIVEN_UP"  # by who started it


MOVES: dict[RoundState, frozenset[RoundState]] = {
    RoundState.RUNNING: frozenset({RoundState.REACHED, RoundState.EXPIRED, RoundState.GIVEN_UP}),
    RoundState.REACHED: frozenset(),
    RoundState.EXPIRED: frozenset(),
    RoundState.GIVEN_UP: frozenset(),
}
