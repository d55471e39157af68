"""States of a gateway's day and of the differences found in it."""

from enum import StrEnum


class DayState(StrEnum):
    FITS = "FITS"  # our books and the statement agree to the fen
    DIFFERS = "DIFFERS"  # somebody has to look
    EXPLAINED = "EXPLAINED"  # they differ, and each difference was worked off
    FAILED = "FAILED"  # the statement couldn't be had or read; tried again


class DifferenceKind(StrEnum):
    MISSING_HERE = "missing_here"  # theirs only: the gateway booked it, we have no row of it
    MISSING_THERE = "missing_there"  # ours only: we booked it, the gateway didn't
    AMOUNT = "amount"  # both booked it, with other amounts
    NUMBER = "number"  # both booked it, under other trade numbers
    STATE = "state"  # the gateway booked it; our row of it says that no money moved
    FEE = "fee"  # the gateway kept, or gave back, another fee than we booked


class DifferenceState(StrEnum):
    OPEN = "OPEN"  # on the desk
    RESOLVED = "RESOLVED"  # somebody worked it off and said how
    GONE = "GONE"  # not there any more when the day was compared again
