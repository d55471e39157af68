"""A hold: what an admitted order has reserved, and the answer its shopper got; one packed text in Redis.

    L2|42|1001|85932800000|900s|990|7|+12|5000|1|

state and quantity, member, group, accepted (since ids begin), time to pay, unit price, address and what else the order
brings along (terms.py), position, orders written down before, eta, reason. Times are milliseconds, or seconds with an
s. Short on purpose: there is one an order until its activity is archived. An older version wrote the ticket in the
place of the position, without a sign, and always milliseconds.
"""

from enum import StrEnum
from typing import NamedTuple, Self

from pgs_data.ids.layout import EPOCH_MS
from pgs_web.trade.stock.terms import OwnTerms

# The reason of a hold GIVEN_BACK for good: its order was refunded, or will not be taken up again.
FINAL = "final"


class HoldState(StrEnum):
    LOCKED = "L"  # units in lock
    SOLD = "S"  # units in sold
    GIVEN_BACK = "R"  # units back in remain
    REJECTED = "X"  # could not become an order; units back in remain


class Hold(NamedTuple):
    """Times in milliseconds since 1970; position and eta as told at admission.

    `ticket` is how many orders the partition had accepted with this one: its place in the queue at any later time is
    the ticket less what was written down until then. 0 where nobody asks any more. `wishes` is a code of
    trade/order/wishes.py.
    """

    state: HoldState
    quantity: int
    member_id: int
    group_id: int | None
    accepted_ms: int
    pay_by_ms: int
    unit_price_fen: int
    address_id: int
    ticket: int
    position: int
    eta_seconds: int
    reason: str
    wishes: int = 0

    @property
    def amount_fen(self) -> int:
        """What the shopper pays."""
        return self.quantity * self.unit_price_fen

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """The hold that the scripts wrote; raises ValueError for anything else."""
        try:
            text = packed.decode("ascii")
            return cls._unpack_first_version(text) if text[1:2] == "|" else cls._unpack(text)
        except ValueError as error:
            raise ValueError(f"Not a hold: {packed!r}") from error

    @classmethod
    def _unpack(cls, text: str) -> Self:
        quantity, member, group, accepted, pay_within, unit, address, place, passed, eta, reason = text[1:].split(
            "|", 10
        )
        accepted_ms = EPOCH_MS + int(accepted)
        pay_within_ms = int(pay_within[:-1]) * 1000 if pay_within.endswith("s") else int(pay_within)
        ticket = int(place) + int(passed) if place.startswith("+") else int(place)
        terms = OwnTerms.unpack(address)
        return cls(
            HoldState(text[:1]),
            int(quantity),
            int(member),
            int(group) if group else None,
            accepted_ms,
            accepted_ms + terms.shorten(pay_within_ms),
            int(unit),
            terms.address_id,
            ticket,
            ticket - int(passed),
            int(eta),
            reason,
            terms.wishes,
        )

    @classmethod
    def _unpack_first_version(cls, text: str) -> Self:
        state, quantity, member, group, accepted, pay_by, unit, _amount, _deadline, address, position, eta, reason = (
            text.split("|", 12)
        )
        return cls(
            HoldState(state),
            int(quantity),
            int(member),
            int(group) if group else None,
            int(accepted),
            int(pay_by),
            int(unit),
            int(address),
            0,
            int(position),
            int(eta),
            reason,
        )

    def pack(self) -> str:
        """The text that the scripts read; for the rebuild of a lost ledger from the orders."""
        pay_within_ms = self.pay_by_ms - self.accepted_ms
        return "|".join(
            [
                f"{self.state.value}{self.quantity}",
                str(self.member_id),
                "" if self.group_id is None else str(self.group_id),
                str(self.accepted_ms - EPOCH_MS),
                str(pay_within_ms) if pay_within_ms % 1000 else f"{pay_within_ms // 1000}s",
                str(self.unit_price_fen),
                OwnTerms(self.address_id, self.wishes).pack(),
                f"+{self.position}",
                str(self.ticket - self.position),
                str(self.eta_seconds),
                self.reason,
            ]
        )
