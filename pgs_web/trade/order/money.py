"""What an order's shopper is told about its money; payment, which lies above, registers who knows it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pgs_web.trade.order.models import Order


class RefundStage(StrEnum):
    REQUESTED = "requested"  # we send it
    SENT = "sent_to_gateway"  # where you paid, they have it
    DONE = "done"  # the money is back


@dataclass(frozen=True, kw_only=True)
class RefundOfOrder:
    refund_no: str
    amount_fen: int
    reason: str
    stage: RefundStage
    stage_text: str
    latest_by: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PaymentOfOrder:
    """The payment that paid the order, or its surcharge; else the one that is open, else the newest."""

    payment_id: int
    gateway: str
    state: str
    amount_fen: int
    refunded_fen: int
    expires_at: datetime
    paid_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class MoneyOfOrder:
    payment: PaymentOfOrder | None
    surcharge_payment: PaymentOfOrder | None
    refunds: list[RefundOfOrder]


# Is there, or was there ever, a payment of this order? Asked under the order's lock.
PaymentFinder = Callable[[Order], bool]
MoneyReader = Callable[[Order], MoneyOfOrder]
NOTHING = MoneyOfOrder(payment=None, surcharge_payment=None, refunds=[])
_readers: list[MoneyReader] = []
_finders: list[PaymentFinder] = []


def register_money_reader(reader: MoneyReader) -> None:
    """Lets the page of an order tell its payment and refunds."""
    _readers.append(reader)


def read_money(order: Order) -> MoneyOfOrder:
    """What is known of a written order's money; nothing of one that was accepted or rejected, which costs nothing."""
    if order._state.adding or not _readers:
        return NOTHING
    return _readers[-1](order)


def register_payment_finder(finder: PaymentFinder) -> None:
    """Lets the order room know whether somebody has begun to pay."""
    _finders.append(finder)


def has_begun_payment(order: Order) -> bool:
    """Whether the order's price has been told to a gateway: from then on it stays as it is."""
    return any(finder(order) for finder in _finders)
