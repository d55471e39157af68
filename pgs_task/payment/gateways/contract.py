"""What the shop needs of a payment gateway; an adapter of one gateway implements it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import BinaryIO, Protocol

from pgs_task.payment.states import NoticeStatus


class GatewayUnavailable(Exception):
    """The gateway gave no usable answer: what was asked of it may or may not have been done."""


class StatementUnreadable(GatewayUnavailable):
    """A statement isn't written as it was agreed: nothing of it may be trusted."""


class StatementTooLong(Exception):
    """A day's statement has more lines than can be compared in one go."""


class TradeState(StrEnum):
    UNKNOWN = "UNKNOWN"  # the gateway never heard of it
    WAITING = "WAITING"  # can still be paid
    PAID = "PAID"  # the gateway has the money
    RETURNED = "RETURNED"  # was paid, and some or all of it went back
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
    """A payment as the gateway has to know it; `shop_url` is where the shopper reached the shop, without a path.

    `client_address` is the shopper's IP address, `payer_openid` the shopper's id at the gateway if the client knows it.
    """

    payment_id: int
    order_id: int
    amount_fen: int
    currency: str
    expires_at: datetime
    shop_url: str
    client_address: str = ""
    payer_openid: str = ""


@dataclass(frozen=True, kw_only=True)
class TradeAnswer:
    """What the gateway says about a payment; number, amount and moment are there when it is PAID or RETURNED."""

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
    """A message that the gateway has certainly sent; whether it fits one of our payments is still to be judged.

    `text` is what people read of it, where the body itself is encrypted.
    """

    notice_id: str
    payment_id: int
    trade_no: str
    amount_fen: int
    currency: str
    status: NoticeStatus
    paid_at: datetime | None
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class NoticeHint:
    """A message that the gateway has certainly sent and that changes nothing by itself.

    With a `refund_no` the gateway is worth asking about that refund now.
    """

    notice_id: str
    payment_id: int
    refund_no: str = ""


@dataclass(frozen=True, kw_only=True)
class GatewayReply:
    """What the gateway expects to hear."""

    body: bytes
    content_type: str
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class StatementLine:
    """One movement of money as the gateway booked it; `refund_no` is ours, empty for a payment.

    `payment_id` is 0 when the gateway knows it under a number that isn't ours. `fee_fen` is what the gateway kept of
    it, negative when it gave a fee back, None when the statement doesn't say.
    """

    kind: LineKind
    payment_id: int
    trade_no: str
    amount_fen: int
    refund_no: str = ""
    fee_fen: int | None = None


class Gateway(Protocol):
    """None is called inside a transaction; all but those about notices may raise GatewayUnavailable."""

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

    def verify_notice(self, *, headers: Mapping[str, str], body: bytes) -> VerifiedNotice | NoticeHint:
        """What the notice says; raises a NoticeRefused when it isn't the gateway's, is too old or can't be read."""

    def acknowledge(self, notice: VerifiedNotice | NoticeHint) -> GatewayReply:
        """The answer to a notice that was taken (or had been before)."""

    def refuse(self, *, status: int, code: str, detail: str) -> GatewayReply | None:
        """The answer to a notice that was refused or can't be taken now; None: the shop's own problem document."""

    def fetch_statement(self, *, day: date) -> Iterator[StatementLine]:
        """Everything it took and refunded on a day of Asia/Shanghai, read piece by piece."""

    def read_statement(self, file: BinaryIO) -> Iterator[StatementLine]:
        """The lines of a statement file as merchants download it, read piece by piece; raises StatementUnreadable.

        The file can be sought. What was yielded before an error is to be thrown away.
        """
