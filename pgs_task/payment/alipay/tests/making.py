"""An account at Alipay, notices as Alipay signs them, and Alipay's API as far as the shop uses it."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pgs_task.payment.alipay.account import AlipayAccount
from pgs_task.payment.alipay.adapter import AlipayGateway
from pgs_task.payment.gateways.moments import write_shanghai
from pgs_task.payment.gateways.tests.serving import (
    Call,
    Said,
    check_signature,
    private_pem,
    public_pem,
    serve,
    sign,
)

APP_ID = "2021000000000001"
SELLER_ID = "2088000000000001"
PAYMENT_ID = 7_200_000_000_000_000_001
TRADE_NO = "2026112122001400000000000001"


def make_account(**changes: Any) -> AlipayAccount:
    values: dict[str, Any] = {
        "app_id": APP_ID,
        "seller_id": SELLER_ID,
        "private_key": private_pem("shop"),
        "public_key": public_pem("alipay"),
        "endpoint": "http://127.0.0.1:9/gateway.do",
        "notice_url": "https://shop.example.com/api/v1/payments/notices/alipay/",
    }
    return AlipayAccount(**values | changes)


class OfferedAlipay(AlipayGateway):
    """The adapter for PAYMENT_GATEWAY_ADAPTERS of a test."""

    def __init__(self) -> None:
        super().__init__(make_account())


def describe_notice(**changes: str | None) -> dict[str, str]:
    """The fields of a notice that a payment of 9.90 yuan was paid; None takes a field out."""
    now = write_shanghai(datetime.now(UTC))
    fields: dict[str, str | None] = {
        "gmt_create": now,
        "charset": "utf-8",
        "gmt_payment": now,
        "notify_time": now,
        "subject": "拼团 水果",
        "buyer_id": "2088000000000002",
        "invoice_amount": "9.90",
        "version": "1.0",
        "notify_id": "2026112100222180000000000001",
        "fund_bill_list": '[{"amount":"9.90","fundChannel":"ALIPAYACCOUNT"}]',
        "notify_type": "trade_status_sync",
        "out_trade_no": str(PAYMENT_ID),
        "total_amount": "9.90",
        "trade_status": "TRADE_SUCCESS",
        "trade_no": TRADE_NO,
        "auth_app_id": APP_ID,
        "receipt_amount": "9.90",
        "app_id": APP_ID,
        "seller_id": SELLER_ID,
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def sign_fields(fields: dict[str, str], *, owner: str = "alipay") -> dict[str, str]:
    """The fields with their signature: over all but sign and sign_type, sorted by name."""
    message = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
    signature = base64.b64encode(sign(owner, message.encode())).decode()
    return {**fields, "sign_type": "RSA2", "sign": signature}


def make_notice(*, owner: str = "alipay", **changes: str | None) -> bytes:
    return urlencode(sign_fields(describe_notice(**changes), owner=owner)).encode()


@dataclass
class AlipayDouble:
    """Books trades and refunds in memory; `spoil` may change what is sent, `failures` are answered first."""

    trades: dict[str, dict[str, str]] = field(default_factory=dict)
    refunds: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    bills: dict[str, bytes] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)
    spoil: Callable[[Said], Said] = lambda said: said
    calls: list[str] = field(default_factory=list)
    bill_said: Said | None = None
    address: str = ""

    def pay(self, *, payment_id: int = PAYMENT_ID, amount: str = "9.90", status: str = "TRADE_SUCCESS") -> None:
        self.trades[str(payment_id)] = {
            "out_trade_no": str(payment_id),
            "trade_no": TRADE_NO,
            "trade_status": status,
            "total_amount": amount,
            "send_pay_date": write_shanghai(datetime.now(UTC) - timedelta(minutes=1)),
        }

    def answer(self, call: Call) -> Said:
        if call.path.startswith("/bill"):
            return self.bill_said or Said(self.bills["file"])
        fields = dict(parse_qsl(urlsplit(call.path).query, keep_blank_values=True, strict_parsing=True))
        signature = base64.b64decode(fields.pop("sign"))
        message = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
        check_signature("shop", signature, message.encode())
        assert (fields["app_id"], fields["sign_type"], fields["charset"]) == (APP_ID, "RSA2", "utf-8")
        method = fields["method"]
        self.calls.append(method)
        content = json.loads(fields["biz_content"])
        said = self.failures.pop(0) if self.failures else getattr(self, method.replace(".", "_"))(content)
        return self.spoil(self.signed(method, {"code": "10000", "msg": "Success", **said}))

    def signed(self, method: str, content: dict[str, Any], *, owner: str = "alipay") -> Said:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        signature = base64.b64encode(sign(owner, text.encode())).decode()
        body = f'{{"{method.replace(".", "_")}_response":{text},"sign":"{signature}"}}'
        return Said(body.encode(), headers={"Content-Type": "text/html;charset=utf-8"})

    def alipay_trade_query(self, content: dict[str, Any]) -> dict[str, str]:
        return self.trades.get(content["out_trade_no"]) or failure("ACQ.TRADE_NOT_EXIST")

    def alipay_trade_close(self, content: dict[str, Any]) -> dict[str, str]:
        trade = self.trades.get(content["out_trade_no"])
        if trade is None:
            return failure("ACQ.TRADE_NOT_EXIST")
        if trade["trade_status"] != "WAIT_BUYER_PAY":
            return failure("ACQ.TRADE_STATUS_ERROR")
        trade["trade_status"] = "TRADE_CLOSED"
        del trade["send_pay_date"]
        return {"out_trade_no": trade["out_trade_no"], "trade_no": TRADE_NO}

    def alipay_trade_refund(self, content: dict[str, Any]) -> dict[str, str]:
        trade = self.trades.get(content["out_trade_no"])
        if trade is None:
            return failure("ACQ.TRADE_NOT_EXIST")
        number = (content["out_trade_no"], content["out_request_no"])
        is_new = number not in self.refunds
        self.refunds.setdefault(
            number,
            {
                "out_trade_no": number[0],
                "out_request_no": number[1],
                "refund_amount": content["refund_amount"],
                "gmt_refund_pay": write_shanghai(datetime.now(UTC)),
            },
        )
        return {
            "out_trade_no": number[0],
            "trade_no": TRADE_NO,
            "fund_change": "Y" if is_new else "N",
            "refund_fee": content["refund_amount"],
            "gmt_refund_pay": self.refunds[number]["gmt_refund_pay"],
        }

    def alipay_trade_fastpay_refund_query(self, content: dict[str, Any]) -> dict[str, str]:
        if content["out_trade_no"] not in self.trades:
            return failure("ACQ.TRADE_NOT_EXIST")
        refund = self.refunds.get((content["out_trade_no"], content["out_request_no"]))
        return {**refund, "refund_status": "REFUND_SUCCESS"} if refund else {}

    def alipay_data_dataservice_bill_downloadurl_query(self, content: dict[str, Any]) -> dict[str, str]:
        assert content["bill_type"] == "trade"
        if not self.bills:
            return failure("isp.bill_not_exist")
        return {"bill_download_url": f"{self.address}/bill?day={content['bill_date']}"}


def failure(sub_code: str, *, code: str = "40004") -> dict[str, str]:
    return {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": "……"}


@contextmanager
def alipay_at_work() -> Iterator[tuple[AlipayDouble, AlipayGateway]]:
    """Alipay's double and an adapter that talks to it."""
    double = AlipayDouble()
    with serve(double.answer) as address:
        double.address = address
        yield double, AlipayGateway(make_account(endpoint=f"{address}/gateway.do"))
