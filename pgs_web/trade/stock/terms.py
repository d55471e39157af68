"""What an order brings along that no script judges: one text, which admission copies into hold and document as it is.

    7           the address alone, as most orders, and all of older versions
    7~5         and what its shopper wishes for, should things go wrong (trade/order/wishes.py)
    7~5~300000  and a time to pay (ms) that is shorter than the activity's

So what only few orders have costs the others neither a byte nor an instruction of the ledger.
"""

from typing import NamedTuple, Self

SEPARATOR = "~"


class OwnTerms(NamedTuple):
    """`pay_within_ms` is 0 for an order that has the time that its activity gives."""

    address_id: int
    wishes: int = 0
    pay_within_ms: int = 0

    def pack(self) -> str:
        """The text that travels."""
        if self.pay_within_ms:
            return f"{self.address_id}{SEPARATOR}{self.wishes}{SEPARATOR}{self.pay_within_ms}"
        return f"{self.address_id}{SEPARATOR}{self.wishes}" if self.wishes else str(self.address_id)

    @classmethod
    def unpack(cls, text: str) -> Self:
        """What was packed; raises ValueError, TypeError for anything else."""
        return cls(*map(int, str(text).split(SEPARATOR)))

    def shorten(self, pay_within_ms: int) -> int:
        """The order's time to pay where its activity or group gives it so long."""
        return min(pay_within_ms, self.pay_within_ms) if self.pay_within_ms else pay_within_ms
