"""The adapter of Alipay: payments on the web page of a phone (`alipay.trade.wap.pay`), signed with RSA2."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, BinaryIO

from pgs_task.payment.alipay.account import AlipayAccount, read_alipay_account
from pgs_task.payment.alipay.client import AlipayClient
from pgs_task.payment.alipay.notices import HOME_CURRENCY, read_notice
from pgs_task.payment.alipay.statement import parse_statement
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
from pgs_task.payment.gateways.exchange import download
from pgs_task.payment.gateways.moments import read_shanghai, write_shanghai
from pgs_task.payment.gateways.notice_fields import NUMBER
from pgs_task.payment.gateways.statement_days import day_bounds
from pgs_task.payment.gateways.yuan import read_yuan, write_yuan

DONE = "10000"
# "Business failed": the one code that says that nothing was done, but for SYSTEM_ERROR below it.
FAILED = "40004"
# A day's bill is made in the morning after it.
BILL_AFTER = timedelta(hours=12)

_TRADE_STATES = {
    "WAIT_BUYER_PAY": TradeState.WAITING,
    "TRADE_SUCCESS": TradeState.PAID,
    "TRADE_FINISHED": TradeState.PAID,
    "TRADE_CLOSED": TradeState.CLOSED,
}


class AlipayGateway:
    code = "alipay"

    def __init__(self, account: AlipayAccount | None = None) -> None:
        """Raises ImproperlyConfigured for an account that can't be used; asks nobody."""
        self._account = account or read_alipay_account()
        self._client = AlipayClient(self._account)

    def create(self, trade: TradeRequest) -> dict[str, str]:
        """`url` is Alipay's page: the shopper's browser opens it, and with the Alipay app on the phone the app does.

        Signed here, without asking Alipay: the trade is made there when the shopper opens the page. Until then Alipay
        doesn't know it and can't close it; the page takes money up to the payment's end, whatever became of the order.
        """
        query = self._client.api_alipay_trade_wap_pay(
            subject=f"{self._account.subject} {trade.order_id}",
            out_trade_no=str(trade.payment_id),
            total_amount=write_yuan(trade.amount_fen),
            return_url=self._account.return_url or None,
            time_expire=write_shanghai(trade.expires_at),
        )
        return {"method": "GET", "url": f"{self._account.endpoint}?{query}"}

    def query(self, *, payment_id: int) -> TradeAnswer:
        answer = self._client.ask("alipay.trade.query", {"out_trade_no": str(payment_id)})
        if _failed_as(answer) == "ACQ.TRADE_NOT_EXIST":
            return TradeAnswer(state=TradeState.UNKNOWN)
        _require_done(answer)
        _require_same(answer, out_trade_no=str(payment_id))
        return _read_trade(answer)

    def close(self, *, payment_id: int) -> TradeAnswer:
        answer = self._client.ask("alipay.trade.close", {"out_trade_no": str(payment_id)})
        failure = _failed_as(answer)
        if failure == "ACQ.TRADE_NOT_EXIST":
            return TradeAnswer(state=TradeState.UNKNOWN)
        if failure in {"ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID", "ACQ.REASON_ILLEGAL_STATUS"}:
            # Paid, or closed before: which of them only the trade itself says.
            return self.query(payment_id=payment_id)
        _require_done(answer)
        _require_same(answer, out_trade_no=str(payment_id))
        return TradeAnswer(state=TradeState.CLOSED)

    def refund(self, refund: RefundRequest) -> RefundAnswer:
        content = {
            "out_trade_no": str(refund.payment_id),
            "refund_amount": write_yuan(refund.amount_fen),
            "out_request_no": refund.refund_no,
            "refund_reason": refund.reason,
        }
        answer = self._client.ask("alipay.trade.refund", content)
        if failure := _failed_as(answer):
            return RefundAnswer(state=RefundAnswerState.REFUSED, message=failure)
        _require_done(answer)
        _require_same(answer, out_trade_no=str(refund.payment_id))
        # "Y" may be believed; without it the same number was sent before, or nothing moved: Alipay says to ask.
        if answer.get("fund_change") != "Y":
            asked = self.query_refund(payment_id=refund.payment_id, refund_no=refund.refund_no)
            if asked.state != RefundAnswerState.UNKNOWN:
                return asked
            return RefundAnswer(state=RefundAnswerState.PROCESSING, message="accepted, no money moved yet")
        return _refunded(refund.refund_no, answer)

    def query_refund(self, *, payment_id: int, refund_no: str) -> RefundAnswer:
        content = {
            "out_trade_no": str(payment_id),
            "out_request_no": refund_no,
            "query_options": ["gmt_refund_pay"],
        }
        answer = self._client.ask("alipay.trade.fastpay.refund.query", content)
        if _failed_as(answer) in {"ACQ.TRADE_NOT_EXIST", "TRADE_NOT_EXIST"}:
            return RefundAnswer(state=RefundAnswerState.UNKNOWN)
        _require_done(answer)
        if answer.get("refund_status") != "REFUND_SUCCESS":
            # Without a status Alipay hasn't got it, or it failed: the same number may be sent again.
            return RefundAnswer(state=RefundAnswerState.UNKNOWN)
        _require_same(answer, out_trade_no=str(payment_id), out_request_no=refund_no)
        return _refunded(refund_no, answer)

    def verify_notice(self, *, headers: Mapping[str, str], body: bytes) -> VerifiedNotice | NoticeHint:
        return read_notice(body=body, client=self._client, account=self._account)

    def acknowledge(self, notice: VerifiedNotice | NoticeHint) -> GatewayReply:
        return GatewayReply(body=b"success", content_type="text/plain; charset=utf-8")

    def refuse(self, *, status: int, code: str, detail: str) -> GatewayReply | None:
        return GatewayReply(body=b"fail", content_type="text/plain; charset=utf-8", status=status)

    def fetch_statement(self, *, day: date) -> Iterator[StatementLine]:
        answer = self._client.ask(
            "alipay.data.dataservice.bill.downloadurl.query", {"bill_type": "trade", "bill_date": day.isoformat()}
        )
        # It says so of a day without trades, and of one whose bill isn't made yet.
        if str(_failed_as(answer)).lower() == "isp.bill_not_exist":
            if datetime.now(UTC) < day_bounds(day)[1] + BILL_AFTER:
                raise GatewayUnavailable(f"the bill of {day} isn't made yet")
            return
        _require_done(answer)
        # Signed by Alipay, so it is its own; the file itself isn't signed, and decides nothing: it is compared.
        with download(url=_text_of(answer, "bill_download_url")) as file:
            yield from parse_statement(file)

    def read_statement(self, file: BinaryIO) -> Iterator[StatementLine]:
        """Alipay's trade bill, packed as it comes or unpacked."""
        return parse_statement(file)


def _failed_as(answer: dict[str, Any]) -> str:
    """Why nothing was done, or "" when it was or may have been."""
    sub_code = str(answer.get("sub_code", ""))
    if answer.get("code") != FAILED or not sub_code or "SYSTEM_ERROR" in sub_code.upper():
        return ""
    return sub_code[:64]


def _require_done(answer: dict[str, Any]) -> None:
    if answer.get("code") != DONE:
        raise GatewayUnavailable(f"code {str(answer.get('code'))[:16]} {str(answer.get('sub_code'))[:64]}")


def _require_same(answer: dict[str, Any], **numbers: str) -> None:
    # A signature says who wrote it, not what it answers.
    if any(answer.get(name) != number for name, number in numbers.items()):
        raise GatewayUnavailable("the answer is about something else")


def _read_trade(answer: dict[str, Any]) -> TradeAnswer:
    state = _TRADE_STATES.get(_text_of(answer, "trade_status"))
    if state is None:
        raise GatewayUnavailable("trade_status is none that is known")
    if state == TradeState.CLOSED and answer.get("send_pay_date"):
        # Only a trade that was paid has this moment.
        state = TradeState.RETURNED
    if state not in {TradeState.PAID, TradeState.RETURNED}:
        return TradeAnswer(state=state)
    trade_no = _text_of(answer, "trade_no")
    if not NUMBER.fullmatch(trade_no):
        raise GatewayUnavailable("trade_no can't be read")
    try:
        return TradeAnswer(
            state=state,
            trade_no=trade_no,
            amount_fen=read_yuan(answer.get("total_amount")),
            currency=str(answer.get("trans_currency") or HOME_CURRENCY),
            paid_at=read_shanghai(answer.get("send_pay_date")),
        )
    except ValueError as error:
        raise GatewayUnavailable(str(error)) from error


def _refunded(refund_no: str, answer: dict[str, Any]) -> RefundAnswer:
    try:
        refunded_at = read_shanghai(answer["gmt_refund_pay"]) if answer.get("gmt_refund_pay") else None
    except ValueError as error:
        raise GatewayUnavailable(str(error)) from error
    # Alipay gives refunds no numbers: it knows them by ours.
    return RefundAnswer(state=RefundAnswerState.SUCCEEDED, gateway_refund_no=refund_no, refunded_at=refunded_at)


def _text_of(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise GatewayUnavailable(f"{name} is missing")
    return value
