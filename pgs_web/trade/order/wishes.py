"""What shoppers wish for at ordering, should things go wrong later, and how they came; one small number an order."""

from enum import StrEnum
from typing import NamedTuple, Self


class OnLatePayment(StrEnum):
    REFUND = "refund"  # the money goes back at once
    RETRY = "retry"  # the order is taken up again if units and a seat are left, else the money goes back


class OnLostSeat(StrEnum):
    REFUND = "refund"  # the money goes back at once
    MOVE = "move"  # into the group of the same offer that needs the fewest members, else the money goes back
    LEAD = "lead"  # opens a new group while the offer runs, else the money goes back
    ALONE = "alone"  # buys alone for a surcharge, which is paid within a time, else the money goes back


# A wish is its place here, for ever: the lists only grow. On late payment one bit, on a lost seat the next two.
_LATE_PAYMENT = (OnLatePayment.REFUND, OnLatePayment.RETRY)
_LOST_SEAT = (OnLostSeat.REFUND, OnLostSeat.MOVE, OnLostSeat.LEAD, OnLostSeat.ALONE)
# The next bit is no wish of the shopper's: the order came by a pass (intake/passes.py).
BY_PASS_BIT = 8
LARGEST_CODE = 1 | (len(_LOST_SEAT) - 1) << 1 | BY_PASS_BIT


class Wishes(NamedTuple):
    """The defaults are what everybody got before there were wishes."""

    on_late_payment: OnLatePayment = OnLatePayment.REFUND
    on_lost_seat: OnLostSeat = OnLostSeat.REFUND
    # It was let in for one group, or for itself alone: nobody looks for another place for it.
    by_pass: bool = False

    @property
    def may_take_another_place(self) -> bool:
        """Whether it may sit in another group than the one that it was let into, or be bought alone instead."""
        return self.on_lost_seat is not OnLostSeat.REFUND and not self.by_pass

    @property
    def code(self) -> int:
        """The number that stands for them; 0 for the defaults."""
        wished = _LATE_PAYMENT.index(self.on_late_payment) | _LOST_SEAT.index(self.on_lost_seat) << 1
        return wished | BY_PASS_BIT if self.by_pass else wished

    @classmethod
    def from_code(cls, code: int) -> Self:
        """What a number stands for; raises ValueError for one that stands for nothing."""
        if not 0 <= code <= LARGEST_CODE:
            raise ValueError(f"{code} is no code of wishes")
        return cls(_LATE_PAYMENT[code & 1], _LOST_SEAT[code >> 1 & 3], bool(code & BY_PASS_BIT))


# Word → its part of the code, for who has no time for enums.
LATE_PAYMENT_BITS: dict[str, int] = {wish.value: place for place, wish in enumerate(_LATE_PAYMENT)}
LOST_SEAT_BITS: dict[str, int] = {wish.value: place << 1 for place, wish in enumerate(_LOST_SEAT)}
