"""How far a round is, whatever the game is."""

from enum import StrEnum


class Stage(StrEnum):
    OPEN = "OPEN"  # helpers are wanted
    WON = "WON"  # what it was for is reached
    OVER = "OVER"  # it has ended without
