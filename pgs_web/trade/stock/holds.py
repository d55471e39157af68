"""A hold: what an admitted order has reserved, and the answer its shopper got; one packed text in Redis."""

from enum import StrEnum
from typing import NamedTuple, Self


class HoldState(StrEnum):
    LOCKED = "L"  # units in lock
    SOLD = "S"  # units in sold
    GIVEN_BACK = "R"  # units back in remain
    REJECTED = "X"  # could not become an order; units back in remain


class Hold(NamedTuple):
    """In the order of the packed fields; times in milliseconds since 1970, queue figures as told at admission."""

    state: HoldState
    quantity: int
    member_id: int
    group_id: int | None
    accepted_ms: int
    pay_by_ms: int
    unit_price_fen: int
    amount_fen: int
    group_deadline_ms: int | None
    address_id: int
    position: int
    eta_seconds: int
    reason: str

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """The hold that the scripts wrote; raises ValueError for anything else."""
        state, *numbers, reason = packed.decode("ascii").split("|", 12)
        (quantity, member, group, accepted, pay_by, unit, amount, deadline, address, position, eta) = (
            int(number) if number else None for number in numbers
        )
        required = (quantity, member, accepted, pay_by, unit, amount, address, position, eta)
        if any(number is None for number in required):
            raise ValueError(f"Not a hold: {packed!r}")
        return cls(
            HoldState(state),
            quantity or 0,
            member or 0,
            group,
            accepted or 0,
            pay_by or 0,
            unit or 0,
            amount or 0,
            deadline,
            address or 0,
            position or 0,
            eta or 0,
            reason,
        )

    def pack(self) -> str:
        """The text that the scripts read; for the rebuild of a lost ledger from the orders."""
        texts = ["" if value is None else str(value) for value in self]
        texts[0] = self.state.value
        return "|".join(texts)
