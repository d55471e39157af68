"""The adapter of WeChat Pay v3: H5 payments in a phone's browser, JSAPI inside WeChat where the payer is known."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

from wechatpayv3 import WeChatPayType

from pgs_task.payment.errors import MalformedNotice
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
from pgs_task.payment.gateways.notice_fields import read_amount_fen, read_moment, read_number, read_text
from pgs_task.payment.gateways.statement_days import SHANGHAI, day_bounds
from pgs_task.payment.wechat.account import WeChatAccount, read_wechat_account
from pgs_task.payment.wechat.client import Reply, WeChatClient
from pgs_task.payment.wechat.notices import read_notice
from pgs_task.payment.wechat.statement import parse_statement, require_digest

# A day's bill is made in the morning after it.
BILL_AFTER = timedelta(hours=12)
LONGEST_REASON = 80

_TRADE_STATES = {
    "SUCCESS": TradeState.PAID,
    "REFUND": TradeState.RETURNED,
    "NOTPAY": TradeState.WAITING,
    "USERPAYING": TradeState.WAITING,
    "PAYERROR": TradeState.WAITING,
    "CLOSED": TradeState.CLOSED,
    "REVOKED": TradeState.CLOSED,
}


class WeChatGateway:
    code = "wechat"

    def __init__(self, account: WeChatAccount | None = None) -> None:
        """Raises ImproperlyConfigured for an account that can't be used; asks nobody."""
        self._account = account or read_wechat_account()
        self._client = WeChatClient(self._account)

    def create(self, trade: TradeRequest) -> dict[str, str]:
        """With `payer_openid` the signed parameters of `WeixinJSBridge` (JSAPI); else `url`, WeChat's page (H5).

        WeChat's page opens in any browser of a phone but WeChat's own, for five minutes; asking again gives a new one.
        A trade stays what it was opened as.
        """
        facts: dict[str, Any] = {
            "description": f"{self._account.subject} {trade.order_id}",
            "out_trade_no": str(trade.payment_id),
            "amount": {"total": trade.amount_fen, "currency": trade.currency},
            "time_expire": trade.expires_at.astimezone(SHANGHAI).replace(microsecond=0).isoformat(),
        }
        if trade.payer_openid:
            facts |= {"payer": {"openid": trade.payer_openid}, "pay_type": WeChatPayType.JSAPI}
            return self._sign_for_page(_text_of(_done(self._client.ask(self._client.pay, **facts)), "prepay_id"))
        facts["scene_info"] = {
            "payer_client_ip": trade.client_address or "127.0.0.1",
            "h5_info": {"type": "Wap"},
        }
        url = _text_of(_done(self._client.ask(self._client.pay, **facts)), "h5_url")
        if not url.startswith("https://"):
            raise GatewayUnavailable("h5_url is no https address")
        if self._account.return_url:
            url = f"{url}&redirect_url={quote(self._account.return_url, safe='')}"
        return {"method": "GET", "url": url}

    def query(self, *, payment_id: int) -> TradeAnswer:
        reply = self._client.ask(self._client.query, out_trade_no=str(payment_id))
        # Written so in v3, and so where v2 answers through.
        if reply.error in {"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"}:
            return TradeAnswer(state=TradeState.UNKNOWN)
        content = _done(reply)
        _require_same(content, out_trade_no=str(payment_id), mchid=self._account.mchid, appid=self._account.appid)
        return _read_trade(content)

    def close(self, *, payment_id: int) -> TradeAnswer:
        reply = self._client.ask(self._client.close, out_trade_no=str(payment_id))
        if not reply.error:
            return TradeAnswer(state=TradeState.CLOSED)
        # Paid, closed before, or never opened: which of them only the trade itself says.
        answer = self.query(payment_id=payment_id)
        if answer.state == TradeState.WAITING:
            raise GatewayUnavailable(f"not closed: {reply.error}")
        return answer

    def refund(self, refund: RefundRequest) -> RefundAnswer:
        reply = self._client.ask(
            self._client.refund,
            out_refund_no=refund.refund_no,
            out_trade_no=str(refund.payment_id),
            amount={"refund": refund.amount_fen, "total": refund.paid_fen, "currency": "CNY"},
            reason=refund.reason[:LONGEST_REASON],
        )
        if reply.error:
            return RefundAnswer(state=RefundAnswerState.REFUSED, message=reply.error)
        return _read_refund(reply.content, payment_id=refund.payment_id, refund_no=refund.refund_no)

    def query_refund(self, *, payment_id: int, refund_no: str) -> RefundAnswer:
        reply = self._client.ask(self._client.query_refund, out_refund_no=refund_no)
        if reply.error in {"RESOURCE_NOT_EXISTS", "REFUNDNOTEXIST"}:
            return RefundAnswer(state=RefundAnswerState.UNKNOWN)
        return _read_refund(_done(reply), payment_id=payment_id, refund_no=refund_no)

    def verify_notice(self, *, headers: Mapping[str, str], body: bytes) -> VerifiedNotice | NoticeHint:
        return read_notice(headers=headers, body=body, client=self._client, account=self._account)

    def acknowledge(self, notice: VerifiedNotice | NoticeHint) -> GatewayReply:
        return GatewayReply(body=b"", content_type="application/json", status=204)

    def refuse(self, *, status: int, code: str, detail: str) -> GatewayReply | None:
        body = json.dumps({"code": "FAIL", "message": detail or code}, ensure_ascii=False)
        return GatewayReply(body=body.encode(), content_type="application/json", status=status)

    def fetch_statement(self, *, day: date) -> Iterator[StatementLine]:
        reply = self._client.ask(self._client.trade_bill, bill_date=day.isoformat())
        if reply.error == "NO_STATEMENT_EXIST":
            # It says so of a day without trades, and perhaps of one whose bill isn't made yet.
            if datetime.now(UTC) < day_bounds(day)[1] + BILL_AFTER:
                raise GatewayUnavailable(f"the bill of {day} isn't made yet")
            return
        content = _done(reply)
        url = _text_of(content, "download_url")
        # The request is signed: it goes to nobody else.
        if not url.startswith(f"{self._account.endpoint}/") or content.get("hash_type") != "SHA1":
            raise GatewayUnavailable("the bill's address or digest is none that is known")
        parts = urlsplit(url)
        headers = self._client.download_headers(f"{parts.path}?{parts.query}")
        with download(url=url, headers=headers) as file:
            require_digest(file, sha1=_text_of(content, "hash_value"))
            yield from parse_statement(file)

    def read_statement(self, file: BinaryIO) -> Iterator[StatementLine]:
        """WeChat's trade bill of all payments and refunds (ALL)."""
        return parse_statement(file)

    def _sign_for_page(self, prepay_id: str) -> dict[str, str]:
        timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
        package = f"prepay_id={prepay_id}"
        return {
            "method": "JSAPI",
            "appId": self._account.appid,
            "timeStamp": timestamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self._client.sign([self._account.appid, timestamp, nonce, package]),
        }


def _done(reply: Reply) -> dict[str, Any]:
    if reply.error:
        raise GatewayUnavailable(f"refused: {reply.error}")
    return reply.content


def _require_same(content: dict[str, Any], **numbers: str) -> None:
    # A signature says who wrote it, not what it answers.
    if any(content.get(name) != number for name, number in numbers.items()):
        raise GatewayUnavailable("the answer is about something else")


def _read_trade(content: dict[str, Any]) -> TradeAnswer:
    state = _TRADE_STATES.get(_text_of(content, "trade_state"))
    if state is None:
        raise GatewayUnavailable("trade_state is none that is known")
    if state not in {TradeState.PAID, TradeState.RETURNED}:
        return TradeAnswer(state=state)
    amount = _object_of(content, "amount")
    try:
        paid_at = read_moment(content, "success_time")
        answer = TradeAnswer(
            state=state,
            trade_no=read_number(content, "transaction_id"),
            amount_fen=read_amount_fen(amount, "total"),
            currency=read_text(amount, "currency"),
            paid_at=paid_at,
        )
    except MalformedNotice as error:
        raise GatewayUnavailable(str(error.detail)) from error
    if paid_at is None:
        raise GatewayUnavailable("success_time is missing")
    return answer


def _read_refund(content: dict[str, Any], *, payment_id: int, refund_no: str) -> RefundAnswer:
    _require_same(content, out_trade_no=str(payment_id), out_refund_no=refund_no)
    status = _text_of(content, "status")
    if status == "PROCESSING":
        return RefundAnswer(state=RefundAnswerState.PROCESSING)
    if status in {"CLOSED", "ABNORMAL"}:
        # ABNORMAL: the shopper's card took it not; a person decides at WeChat's merchant site.
        return RefundAnswer(state=RefundAnswerState.REFUSED, message=f"WeChat says {status}")
    if status != "SUCCESS":
        raise GatewayUnavailable("status is none that is known")
    try:
        return RefundAnswer(
            state=RefundAnswerState.SUCCEEDED,
            gateway_refund_no=read_number(content, "refund_id"),
            refunded_at=read_moment(content, "success_time"),
        )
    except MalformedNotice as error:
        raise GatewayUnavailable(str(error.detail)) from error


def _object_of(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    if not isinstance(value, dict):
        raise GatewayUnavailable(f"{name} is missing")
    return value


def _text_of(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise GatewayUnavailable(f"{name} is missing")
    return value
