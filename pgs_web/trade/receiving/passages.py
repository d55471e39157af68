"""An order on its way through a receiving process, from its body to its answer."""

import asyncio
import time

from pgs_web.api.errors import Refusal
from pgs_web.trade.intake.messages import Admission, Claim
from pgs_web.trade.intake.services import OrderRequest, PlacedOrder
from pgs_web.trade.stock.limits import AwayOrder

# An order is in, refused, or something of ours broke.
Outcome = PlacedOrder | Refusal | Exception


class Passage:
    """First its key is claimed, while its address is looked up; then it is admitted. Lives on one event loop."""

    __slots__ = (
        *("admission", "answer", "away", "borrowings", "claim", "home", "is_claimed", "is_over", "is_reserved"),
        *("limit_place", "order_id", "owner", "pay_within_ms", "place", "play", "request", "started"),
    )

    def __init__(
        self, request: OrderRequest, claim: Claim, answer: "asyncio.Future[Outcome]", home: int, place: int
    ) -> None:
        self.request = request
        # The partitions of the key and of the activity, or of its bucket that judges the order.
        self.home = home
        self.place = place
        # Where the member's limit is counted, if that is another bucket; the units are taken there first.
        self.limit_place: int | None = None
        self.is_reserved = False
        self.away: AwayOrder | None = None
        # How often its bucket had too little and borrowed.
        self.borrowings = 0
        self.claim = claim
        self.answer = answer
        self.started = time.monotonic()
        # The one that the key stands for; true once it is claimed.
        self.order_id = claim.order_id
        self.is_claimed = False
        # Shorter than the activity's for who lets orders run out; 0 for everybody else.
        self.pay_within_ms = 0
        # Member whom the address belongs to; 0: nobody; None: not known yet.
        self.owner: int | None = None
        # What sells the activity; "": the ledger has no facts of it; None: not known yet.
        self.play: str | None = None
        self.admission: Admission | None = None
        self.is_over = False
