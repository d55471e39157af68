"""What the shop needs of a payment gateway; an adapter of one gateway implements it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from pgs_task.payment.states import NoticeStatus


class GatewayUnavailable(Exception):
    """The gateway gave no usable answer: what was asked of it may or may not have been done."""


class StatementTooLong(Exception):
    """A day's statement has more lines than can be compared in one go."""


class TradeState(StrEnum):
    UNKNOWN = "UNKNOWN"  # the gateway never heard of it
    WAITING = "WAITING"  # can still be paid
    PAID = "PAID"  # the gateway has the money
    CLOSED = "CLOSED"  # can't be paid any more


class RefundAnswerState(StrEnum):
    UNKNOWN = "UNKNOWN"  # the gateway never heard of it
    PROCESSING = "PROCESSING"  # accepted, not done
    SUCCEEDED = "SUCCEEDED"  # the shopper has the money
    REFUSED = "REFUSED"  # not done, and asking the same again may help or not


class LineKind(StrEnum):
    PAYMENT = "PAYMENT"
    REFUND = "REFUND"


@dataclass(frozen=True, kw_only=True)
class TradeRequest:
    """A payment as the gateway has to know it; `shop_url` is where the shopper reached the shop, without a path."""

    payment_id: int
    order_id: int
    amount_fen: int
    currency: str
    expires_at: datetime
    shop_url: str


@dataclass(frozen=True, kw_only=True)
class TradeAnswer:
    """What the gateway says about a payment; number, amount and moment are there when it is PAID."""

    state: TradeState
    trade_no: str = ""
    amount_fen: int = 0
    currency: str = ""
    paid_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RefundRequest:
    payment_id: int
    trade_no: str
    refund_no: str
    amount_fen: int
    paid_fen: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class RefundAnswer:
    """What the gateway says about a refund; its own number and the moment are there when it SUCCEEDED."""

    state: RefundAnswerState
    gateway_refund_no: str = ""
    refunded_at: datetime | None = None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class VerifiedNotice:
    """A message that the gateway has certainly sent; whether it fits one of our payments is still to be judged."""

    notice_id: str
    payment_id: int
    trade_no: str
    amount_fen: int
    currency: str
    status: NoticeStatus
    paid_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class GatewayReply:
    """What the gateway expects to hear when its notice was taken."""

    body: bytes
    content_type: str
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class StatementLine:
    """One movement of money as the gateway booked it; `refund_no` is ours, empty for a payment."""

    kind: LineKind
    payment_id: int
    trade_no: str
    amount_fen: int
    refund_no: str = ""


class Gateway(Protocol):
    """Every call but verify_notice and acknowledge may raise GatewayUnavailable; none is made inside a transaction."""

    code: str

    def create(self, trade: TradeRequest) -> dict[str, str]:
        """Opens the trade, or finds it open, and returns what the shopper's client needs in order to pay."""

    def query(self, *, payment_id: int) -> TradeAnswer:
        """The trade as it is now."""

    def close(self, *, payment_id: int) -> TradeAnswer:
        """Makes the trade unpayable and returns CLOSED; PAID when it was paid first, UNKNOWN when never opened."""

    def refund(self, refund: RefundRequest) -> RefundAnswer:
        """Sends money back once a refund number, however often it is called."""

    def query_refund(self, *, payment_id: int, refund_no: str) -> RefundAnswer:
        """The refund as it is now."""

    def verify_notice(self, *, headers: Mapping[str, str], body: bytes) -> VerifiedNotice:
        """What the notice says; raises a NoticeRefused when it isn't the gateway's, is too old or can't be read."""

    def acknowledge(self, notice: VerifiedNotice) -> GatewayReply:
        """The answer to a notice that was taken (or had been before)."""

    def fetch_statement(self, *, day: date) -> Iterator[StatementLine]:
        """Everything it took and refunded on a day of Asia/Shanghai, read piece by piece."""
