"""How the sandbox gateway tells the shop what happened: a signed notice over HTTP."""

import ipaddress
import json
import time
from datetime import UTC
from functools import cache
from urllib.parse import urlsplit

import httpx
import structlog
from django.conf import settings
from django.http import HttpRequest

from pgs_task.payment.sandbox_gateway.errors import NoNoticeAddress, ShopUnreachable
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxTrade
from pgs_task.payment.sandbox_gateway.services import is_fault_due
from pgs_task.payment.sandbox_gateway.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign_notice
from pgs_task.payment.states import NoticeStatus

NOTICE_PATH = "/api/v1/payments/notices/sandbox/"
TIMEOUT_SECONDS = 2.0
# Before each try; a shop that is away for longer asks by itself.
PAUSES_SECONDS = (0.0, 0.2, 0.5)
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")

log = structlog.get_logger(__name__)


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


def deliver_notice(*, trade: SandboxTrade, status: NoticeStatus, base_url: str) -> httpx.Response:
    """Sends the notice up to three times and returns the shop's last answer; raises ShopUnreachable without any."""
    body = write_notice(trade=trade, status=status)
    if is_fault_due(FaultKind.NOTICE_LOST):
        raise ShopUnreachable
    answer: httpx.Response | None = None
    for pause in PAUSES_SECONDS:
        time.sleep(pause)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign_notice(timestamp=timestamp, body=body),
        }
        try:
            answer = _client().post(f"{base_url}{NOTICE_PATH}", content=body, headers=headers)
        except httpx.HTTPError as error:
            log.warning("sandbox_notice_undelivered", payment_id=trade.payment_id, error=type(error).__name__)
            continue
        if answer.status_code < 500:
            return answer
    if answer is None:
        raise ShopUnreachable
    return answer


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
