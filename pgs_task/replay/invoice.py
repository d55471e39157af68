"""One usable line of a retailer's invoices, as the replay plays it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """`number` counts the file's lines from 1 after the header; `quantity` is positive, also for a cancellation."""

    number: int
    code: str
    customer: str
    quantity: int
    time: datetime
    is_cancellation: bool

    @property
    def thread_key(self) -> str:
        """What ties a cancellation to its order: the shopper and the product."""
        return f"{self.customer} {self.code}"
