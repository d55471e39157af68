"""An account at WeChat Pay, notices as WeChat signs and encrypts them, and WeChat's API as far as the shop uses it."""

import base64
import gzip
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pgs_task.payment.gateways.statement_days import SHANGHAI
from pgs_task.payment.gateways.tests.serving import (
    Call,
    Said,
    check_signature,
    key_of,
    private_pem,
    public_pem,
    serve,
    sign,
)
from pgs_task.payment.wechat.account import WeChatAccount
from pgs_task.payment.wechat.adapter import WeChatGateway

MCHID = "1900000001"
APPID = "wx0000000000000001"
APIV3_KEY = "0123456789abcdef0123456789abcdef"
KEY_ID = "PUB_KEY_ID_0119000000012026112100000000000001"
MERCHANT_SERIAL = "3775B6A45ACD588826D15E583A95F5DD00000001"
PAYMENT_ID = 7_200_000_000_000_000_001
TRADE_NO = "4200002026202611210000000001"
REFUND_ID = "50300002026112100000000000001"


def make_account(**changes: Any) -> WeChatAccount:
    values: dict[str, Any] = {
        "mchid": MCHID,
        "appid": APPID,
        "certificate_serial": MERCHANT_SERIAL,
        "private_key": private_pem("shop"),
        "apiv3_key": APIV3_KEY,
        "public_key_id": KEY_ID,
        "public_key": public_pem("wechat"),
        "endpoint": "http://127.0.0.1:9",
        "notice_url": "https://shop.example.com/api/v1/payments/notices/wechat/",
    }
    return WeChatAccount(**values | changes)


class OfferedWeChat(WeChatGateway):
    """The adapter for PAYMENT_GATEWAY_ADAPTERS of a test."""

    def __init__(self) -> None:
        super().__init__(make_account())


@cache
def make_certificate(*, owner: str = "wechat", days: int = 365, serial: int = 0xABCDEF0123456789) -> str:
    """A platform certificate that ends in so many days (or ended)."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Tenpay.com Root CA")])
    ends = datetime.now(UTC) + timedelta(days=days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key_of(owner).public_key())
        .serial_number(serial)
        .not_valid_before(ends - timedelta(days=400))
        .not_valid_after(ends)
        .sign(key_of("authority"), hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def write_moment(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).replace(microsecond=0).isoformat()


def describe_transaction(**changes: Any) -> dict[str, Any]:
    """What WeChat tells about a payment of 990 fen."""
    content = {
        "transaction_id": TRADE_NO,
        "amount": {"total": 990, "payer_total": 990, "currency": "CNY", "payer_currency": "CNY"},
        "mchid": MCHID,
        "appid": APPID,
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "CMC",
        "success_time": write_moment(datetime.now(UTC)),
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "out_trade_no": str(PAYMENT_ID),
        "attach": "",
    }
    return content | changes


def describe_refund(**changes: Any) -> dict[str, Any]:
    content = {
        "mchid": MCHID,
        "out_trade_no": str(PAYMENT_ID),
        "transaction_id": TRADE_NO,
        "out_refund_no": f"R{PAYMENT_ID}",
        "refund_id": REFUND_ID,
        "refund_status": "SUCCESS",
        "success_time": write_moment(datetime.now(UTC)),
        "amount": {"total": 990, "refund": 990, "payer_total": 990, "payer_refund": 990},
    }
    return content | changes


def encrypt(text: str, *, key: str = APIV3_KEY, bound_to: str = "transaction") -> dict[str, str]:
    nonce = "0123456789ab"
    data = AESGCM(key.encode()).encrypt(nonce.encode(), text.encode(), bound_to.encode())
    return {
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(data).decode(),
        "associated_data": bound_to,
        "nonce": nonce,
    }


def make_notice(content: Mapping[str, Any] | str | None = None, *, key: str = APIV3_KEY, **changes: Any) -> bytes:
    """The body of a notice; `changes` are to its envelope."""
    text = content if isinstance(content, str) else json.dumps(content or describe_transaction(), ensure_ascii=False)
    envelope = {
        "id": "EV-2026112122001400000001",
        "create_time": write_moment(datetime.now(UTC)),
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": encrypt(text, key=key),
    }
    return json.dumps(envelope | changes, ensure_ascii=False, separators=(",", ":")).encode()


def signed(body: bytes, *, owner: str = "wechat", serial: str = KEY_ID, off: int = 0) -> dict[str, str]:
    """The headers of a body that WeChat signed `off` seconds from now."""
    timestamp, nonce = str(int(time.time()) + off), "593BEC0C930BF1AFEB40B4A08C8FB242"
    signature = sign(owner, f"{timestamp}\n{nonce}\n".encode() + body + b"\n")
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": base64.b64encode(signature).decode(),
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    }


@dataclass
class WeChatDouble:
    """Books trades and refunds in memory; `spoil` may change what is sent, `failures` are answered first."""

    trades: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    bill: bytes | None = None
    bill_sha1: str = ""
    failures: list[tuple[int, str]] = field(default_factory=list)
    spoil: Callable[[Said], Said] = lambda said: said
    serial: str = KEY_ID
    opened: list[dict[str, Any]] = field(default_factory=list)
    refund_status: str = "SUCCESS"
    address: str = ""

    def pay(self, **changes: Any) -> None:
        self.trades[str(PAYMENT_ID)] = describe_transaction(**changes)

    def answer(self, call: Call) -> Said:
        self._check(call)
        parts = urlsplit(call.path)
        if parts.path == "/v3/billdownload/file":
            return self.spoil(Said(gzip.compress(self.bill or b"")))
        status, document = self.failures.pop(0) if self.failures else self._act(call, parts.path, parse_qs(parts.query))
        if isinstance(document, str):
            document = {"code": document, "message": "……"}
        body = b"" if status == 204 else json.dumps(document, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", **signed(body, serial=self.serial)}
        return self.spoil(Said(body, status=status, headers=headers))

    def _check(self, call: Call) -> None:
        """As WeChat looks at a request: whose it is, and whether the merchant's key signed exactly it."""
        scheme, _, rest = call.headers["authorization"].partition(" ")
        facts = dict(re.findall(r'([a-z_]+)="([^"]*)"', rest))
        assert (scheme, facts["mchid"], facts["serial_no"]) == ("WECHATPAY2-SHA256-RSA2048", MCHID, MERCHANT_SERIAL)
        lines = [call.method, call.path, facts["timestamp"], facts["nonce_str"], call.body.decode()]
        check_signature("shop", base64.b64decode(facts["signature"]), ("\n".join(lines) + "\n").encode())

    def _act(self, call: Call, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        content = json.loads(call.body) if call.body else {}
        if path.startswith("/v3/pay/transactions/out-trade-no/"):
            number, _, act = path.removeprefix("/v3/pay/transactions/out-trade-no/").partition("/")
            assert (content or {"mchid": query.get("mchid", [""])[0]})["mchid"] == MCHID
            return self._close(number) if act == "close" else self._query(number)
        if path.startswith("/v3/pay/transactions/"):
            self.opened.append({"path": path, **content})
            self.trades.setdefault(content["out_trade_no"], describe_transaction(trade_state="NOTPAY"))
            is_h5 = path.endswith("/h5")
            return 200, {"h5_url": "https://wx.tenpay.com/pay?prepay_id=1"} if is_h5 else {"prepay_id": "wx2611"}
        if path == "/v3/refund/domestic/refunds":
            return self._refund(content)
        if path.startswith("/v3/refund/domestic/refunds/"):
            refund = self.refunds.get(path.rpartition("/")[2])
            return (200, refund) if refund else (404, "RESOURCE_NOT_EXISTS")
        assert path == "/v3/bill/tradebill", path
        if self.bill is None:
            return 400, "NO_STATEMENT_EXIST"
        return 200, {
            "hash_type": "SHA1",
            "hash_value": self.bill_sha1 or hashlib.sha1(self.bill).hexdigest(),
            "download_url": f"{self.address}/v3/billdownload/file?token={query['bill_date'][0]}",
        }

    def _query(self, number: str) -> tuple[int, Any]:
        trade = self.trades.get(number)
        return (200, trade) if trade else (404, "ORDER_NOT_EXIST")

    def _close(self, number: str) -> tuple[int, Any]:
        trade = self.trades.get(number)
        if trade is None:
            return 404, "ORDER_NOT_EXIST"
        if trade["trade_state"] != "NOTPAY":
            return 400, "ORDERPAID"
        trade["trade_state"] = "CLOSED"
        return 204, {}

    def _refund(self, content: dict[str, Any]) -> tuple[int, Any]:
        if content["out_trade_no"] not in self.trades:
            return 404, "RESOURCE_NOT_EXISTS"
        told = {name: content[name] for name in ("out_trade_no", "out_refund_no", "amount")}
        refund = describe_refund(**told, status=self.refund_status)
        return 200, self.refunds.setdefault(content["out_refund_no"], refund)


@contextmanager
def wechat_at_work(**account: Any) -> Iterator[tuple[WeChatDouble, WeChatGateway]]:
    """WeChat's double and an adapter that talks to it."""
    double = WeChatDouble()
    with serve(double.answer) as address:
        double.address = address
        yield double, WeChatGateway(make_account(endpoint=address, **account))
