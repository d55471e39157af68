"""How the sandbox gateway tells the shop what happened: a signed notice over HTTP."""

import ipaddress
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from urllib.parse import urlsplit

import httpx
import structlog
from django.conf import settings
from django.http import HttpRequest

from pgs_task.payment.sandbox_gateway.errors import NoNoticeAddress, ShopUnreachable
from pgs_task.payment.sandbox_gateway.faults import chance, is_fault_due
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxTrade
from pgs_task.payment.sandbox_gateway.queue import FIRST_RETRY_SECONDS, put_off_notice
from pgs_task.payment.sandbox_gateway.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign_notice
from pgs_task.payment.states import NoticeStatus

NOTICE_PATH = "/api/v1/payments/notices/sandbox/"
TIMEOUT_SECONDS = 2.0
# Before each try; a shop that is away for longer asks by itself.
PAUSES_SECONDS = (0.0, 0.2, 0.5)
# Faults: a delayed notice comes within these, and a doubled one in so many copies more.
LATEST_SECONDS = 15.0
MOST_COPIES = 3
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class ShopAnswer:
    """What the shop said, or 202 when it will be told later."""

    status: int
    content: bytes
    content_type: str


def write_notice(*, trade: SandboxTrade, status: NoticeStatus) -> bytes:
    """The notice's raw body; the same trade and status give the same bytes, so sending again is a repetition."""
    paid_at = trade.taken_at.astimezone(UTC).isoformat() if status == NoticeStatus.SUCCESS and trade.taken_at else None
    notice = {
        "notice_id": f"{trade.trade_no}-{status.value}",
        "app_id": settings.SANDBOX_GATEWAY_APP_ID,
        "payment_id": str(trade.payment_id),
        "trade_no": trade.trade_no,
        "amount_fen": trade.amount_fen,
        "currency": trade.currency,
        "status": status.value,
        "paid_at": paid_at,
    }
    return json.dumps(notice, separators=(",", ":")).encode()


def tell_shop(*, trade: SandboxTrade, status: NoticeStatus, base_url: str) -> ShopAnswer:
    """Sends the notice up to three times and returns the shop's last answer; raises ShopUnreachable without any.

    A shop that doesn't take it now is told again later, from the queue. The faults of notices happen here: a delayed
    one is put into the queue and answered 202, copies and what comes out of order are put there too.
    """
    body = write_notice(trade=trade, status=status)
    if is_fault_due(FaultKind.NOTICE_LOST):
        raise ShopUnreachable
    if is_fault_due(FaultKind.NOTICE_FORGED):
        send_forged(body, base_url=base_url)
    is_out_of_order = is_fault_due(FaultKind.NOTICE_REORDERED)
    if is_fault_due(FaultKind.NOTICE_DELAYED) or (is_out_of_order and status == NoticeStatus.FAIL):
        put_off_notice(payment_id=trade.payment_id, body=body, base_url=base_url, seconds=_some_time())
        return ShopAnswer(status=202, content=b"delayed", content_type="text/plain")
    if is_out_of_order:
        earlier = write_notice(trade=trade, status=NoticeStatus.FAIL)
        put_off_notice(payment_id=trade.payment_id, body=earlier, base_url=base_url, seconds=_some_time())
    if is_fault_due(FaultKind.NOTICE_DUPLICATED):
        for _copy in range(chance.randint(1, MOST_COPIES)):
            put_off_notice(payment_id=trade.payment_id, body=body, base_url=base_url, seconds=_some_time())
    return _tell_now(trade.payment_id, body, base_url)


def send_signed(body: bytes, *, base_url: str) -> httpx.Response:
    """One try, signed at this moment; raises httpx.HTTPError."""
    timestamp = str(int(time.time()))
    return _post(base_url, body, timestamp=timestamp, signature=sign_notice(timestamp=timestamp, body=body))


def send_forged(body: bytes, *, base_url: str) -> None:
    """Somebody without the secret tells that one fen was paid; whoever believes it is named in the log."""
    notice = json.loads(body) | {"amount_fen": 1, "notice_id": "forged"}
    timestamp = str(int(time.time()))
    forged = json.dumps(notice).encode()
    with suppress(httpx.HTTPError):
        # The signature of the true one.
        answer = _post(base_url, forged, timestamp=timestamp, signature=sign_notice(timestamp=timestamp, body=body))
        if answer.status_code < 400:
            log.error("sandbox_forged_notice_believed", payment_id=notice["payment_id"])


def _tell_now(payment_id: int, body: bytes, base_url: str) -> ShopAnswer:
    answer: httpx.Response | None = None
    for pause in PAUSES_SECONDS:
        time.sleep(pause)
        try:
            answer = send_signed(body, base_url=base_url)
        except httpx.HTTPError as error:
            log.warning("sandbox_notice_undelivered", payment_id=payment_id, error=type(error).__name__)
            continue
        if answer.status_code < 500:
            break
    else:
        put_off_notice(payment_id=payment_id, body=body, base_url=base_url, seconds=FIRST_RETRY_SECONDS)
    if answer is None:
        raise ShopUnreachable
    content_type = answer.headers.get("Content-Type", "text/plain")
    return ShopAnswer(status=answer.status_code, content=answer.content, content_type=content_type)


def _post(base_url: str, body: bytes, *, timestamp: str, signature: str) -> httpx.Response:
    headers = {"Content-Type": "application/json", TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature}
    return _client().post(f"{base_url}{NOTICE_PATH}", content=body, headers=headers)


def _some_time() -> float:
    return chance.uniform(1.0, LATEST_SECONDS)


def notice_base_url(request: HttpRequest) -> str:
    """Where the shop hears notices: the configured address, else the loopback address of this very server.

    The port is the socket's and not the Host header's, so nobody can aim the gateway at another local service. Raises
    NoNoticeAddress when it was called at another name than localhost or 127.0.0.0/8.
    """
    if settings.SANDBOX_NOTICE_BASE_URL:
        return str(settings.SANDBOX_NOTICE_BASE_URL).rstrip("/")
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    address = "127.0.0.1" if host == "localhost" else host
    port = str(request.META.get("SERVER_PORT", ""))
    if not _is_loopback(address) or not port.isdecimal():
        raise NoNoticeAddress
    return f"http://{address}:{port}"


@cache
def _client() -> httpx.Client:
    """One a process, because making one costs 60 ms; it keeps no connections, so a fork or restart breaks nothing."""
    # No proxy from the environment and no redirect: the address was checked, and no other.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.Client(timeout=TIMEOUT_SECONDS, limits=limits, trust_env=False, follow_redirects=False)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in LOOPBACK
    except ValueError:
        return False
