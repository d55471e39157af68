"""Which paid orders are for groups that keep seats for new members, and whether their members are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from pgs_data.messaging.relay import Message
from pgs_web.display.activity.selectors import read_new_seats
from pgs_web.trade.order.newness import claim_first_payments


class KeptSeats(TypedDict, total=False):
    """What PaidSeat is told."""

    new_seats: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class KeptSeatsOfBatch:
    """Activity → seats of its groups for new members; orders that are the first that their member paid."""

    new_seats: dict[int, int]
    first: set[int]

    def of(self, message: Message) -> KeptSeats:
        """Nothing for an order whose group keeps none."""
        kept = self.new_seats.get(message.payload["activity_id"], 0)
        return {"new_seats": kept, "is_first": message.payload["order_id"] in self.first} if kept else {}


def read_kept_seats(messages: Sequence[Message]) -> KeptSeatsOfBatch:
    """Asks for who came by a pass, and nobody else; said once, the answer stays. Raises OperationalError.

    Before the groups are locked: members' orders are on other nodes, and which order was the first doesn't change.
    """
    by_pass = [message.payload for message in messages if message.payload.get("by_pass")]
    if not by_pass:
        return KeptSeatsOfBatch({}, set())
    new_seats = read_new_seats(payload["activity_id"] for payload in by_pass)
    wanted = {one["order_id"]: one["member_id"] for one in by_pass if one["activity_id"] in new_seats}
    return KeptSeatsOfBatch(new_seats, claim_first_payments(wanted))
