"""The adapter of the sandbox gateway, our own bank for the demo and tests."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import BinaryIO

from django.conf import settings
from django.urls import reverse

from pgs_task.payment.errors import BadSignature, MalformedNotice, StaleNotice, WrongApp
from pgs_task.payment.gateways.contract import (
    GatewayReply,
    GatewayUnavailable,
    NoticeHint,
    RefundAnswer,
    RefundAnswerState,
    RefundRequest,
    StatementLine,
    TradeAnswer,
    TradeRequest,
    TradeState,
    VerifiedNotice,
)
from pgs_task.payment.gateways.notice_fields import (
    read_amount_fen,
    read_json_object,
    read_moment,
    read_number,
    read_payment_id,
    read_text,
)
from pgs_task.payment.sandbox_gateway import models as bank_models
from pgs_task.payment.sandbox_gateway import selectors as bank_statement
from pgs_task.payment.sandbox_gateway import services as bank
from pgs_task.payment.sandbox_gateway.errors import BankUnanswered, RefundRefused
from pgs_task.payment.sandbox_gateway.reading import fetch_pages, read_csv
from pgs_task.payment.sandbox_gateway.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signature_of
from pgs_task.payment.states import NoticeStatus

TIMESTAMP = re.compile(r"[0-9]{1,12}")
# How far a notice's timestamp may be off: it limits for how long a copied notice can be sent again.
TOLERANCE_SECONDS = 300

_TRADE_STATES = {
    bank_models.TradeState.OPEN: TradeState.WAITING,
    bank_models.TradeState.FAILED: TradeState.WAITING,
    bank_models.TradeState.CLOSED: TradeState.CLOSED,
    bank_models.TradeState.TAKEN: TradeState.PAID,
}


class SandboxGateway:
    code = "sandbox"

    def create(self, trade: TradeRequest) -> dict[str, str]:
        """Opens the trade; `url` is called with `method` to play the shopper who pays, `fail_url` the one who can't."""
        with _answers():
            bank.open_trade(payment_id=trade.payment_id, amount_fen=trade.amount_fen, currency=trade.currency)
        arguments = {"payment_id": str(trade.payment_id)}
        return {
            "method": "POST",
            "url": trade.shop_url + reverse("sandbox_gateway:pay", kwargs=arguments),
            "fail_url": trade.shop_url + reverse("sandbox_gateway:fail", kwargs=arguments),
        }

    def query(self, *, payment_id: int) -> TradeAnswer:
        with _answers():
            return _answer_of_trade(bank.find_trade(payment_id=payment_id))

    def close(self, *, payment_id: int) -> TradeAnswer:
        with _answers():
            return _answer_of_trade(bank.close_trade(payment_id=payment_id))

    def refund(self, refund: RefundRequest) -> RefundAnswer:
        with _answers():
            try:
                booked = bank.refund_trade(
                    payment_id=refund.payment_id,
                    refund_no=refund.refund_no,
                    amount_fen=refund.amount_fen,
                    trade_no=refund.trade_no,
                )
            except RefundRefused as error:
                return RefundAnswer(state=RefundAnswerState.REFUSED, message=str(error))
        return _answer_of_refund(booked)

    def query_refund(self, *, payment_id: int, refund_no: str) -> RefundAnswer:
        with _answers():
            return _answer_of_refund(bank.find_refund(refund_no=refund_no))

    def verify_notice(self, *, headers: Mapping[str, str], body: bytes) -> VerifiedNotice:
        timestamp = headers.get(TIMESTAMP_HEADER, "")
        # The signature covers the raw text of both: nothing of an unsigned message is parsed.
        if not is_signature_of(headers.get(SIGNATURE_HEADER, "").lower(), timestamp=timestamp, body=body):
            raise BadSignature
        if not TIMESTAMP.fullmatch(timestamp):
            raise StaleNotice
        # The web server's clock: it judges the age of a message, not a deadline of the shop.
        if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
            raise StaleNotice
        return _read_notice(body)

    def acknowledge(self, notice: VerifiedNotice | NoticeHint) -> GatewayReply:
        if isinstance(notice, VerifiedNotice) and notice.status == NoticeStatus.SUCCESS and notice.paid_at is not None:
            bank.book_acknowledged_trade(
                payment_id=notice.payment_id,
                trade_no=notice.trade_no,
                amount_fen=notice.amount_fen,
                currency=notice.currency,
                taken_at=notice.paid_at,
            )
        return GatewayReply(body=b"success", content_type="text/plain; charset=utf-8")

    def refuse(self, *, status: int, code: str, detail: str) -> GatewayReply | None:
        return None

    def fetch_statement(self, *, day: date) -> Iterator[StatementLine]:
        if settings.SHOP_BASE_URL:
            # As a shop of a real bank reads it: page by page over HTTP.
            yield from fetch_pages(base_url=settings.SHOP_BASE_URL, day=day)
            return
        for line in bank_statement.iterate_statement(day=day):
            yield StatementLine(
                kind=line.kind,
                payment_id=line.payment_id,
                trade_no=line.trade_no,
                amount_fen=line.amount_fen,
                refund_no=line.refund_no,
                fee_fen=line.fee_fen,
            )

    def read_statement(self, file: BinaryIO) -> Iterator[StatementLine]:
        """The results of the statement's pages, as CSV."""
        return read_csv(file)


@contextmanager
def _answers() -> Iterator[None]:
    try:
        yield
    except BankUnanswered as error:
        raise GatewayUnavailable(str(error)) from error


def _read_notice(body: bytes) -> VerifiedNotice:
    document = read_json_object(body)
    if document.get("app_id") != settings.SANDBOX_GATEWAY_APP_ID:
        raise WrongApp
    text = read_text(document, "status")
    if text not in NoticeStatus.__members__:
        raise MalformedNotice("status must be SUCCESS, FAIL or CLOSED.")
    status = NoticeStatus(text)
    paid_at = read_moment(document, "paid_at")
    if status == NoticeStatus.SUCCESS and paid_at is None:
        raise MalformedNotice("A success must say when it was paid.")
    return VerifiedNotice(
        notice_id=read_number(document, "notice_id"),
        payment_id=read_payment_id(document, "payment_id"),
        trade_no=read_number(document, "trade_no"),
        amount_fen=read_amount_fen(document, "amount_fen"),
        currency=read_text(document, "currency"),
        status=status,
        paid_at=paid_at,
    )


def _answer_of_trade(trade: bank_models.SandboxTrade | None) -> TradeAnswer:
    if trade is None:
        return TradeAnswer(state=TradeState.UNKNOWN)
    return TradeAnswer(
        state=_TRADE_STATES[bank_models.TradeState(trade.state)],
        trade_no=trade.trade_no,
        amount_fen=trade.amount_fen,
        currency=trade.currency,
        paid_at=trade.taken_at,
    )


def _answer_of_refund(refund: bank_models.SandboxRefund | None) -> RefundAnswer:
    if refund is None:
        return RefundAnswer(state=RefundAnswerState.UNKNOWN)
    if refund.refunded_at is None:
        return RefundAnswer(state=RefundAnswerState.PROCESSING)
    return RefundAnswer(
        state=RefundAnswerState.SUCCEEDED,
        gateway_refund_no=refund.gateway_refund_no,
        refunded_at=refund.refunded_at,
    )
