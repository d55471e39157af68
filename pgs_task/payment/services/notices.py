"""Takes a gateway's notice: verified, applied once, answered as the gateway expects."""

from collections.abc import Mapping

import structlog

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.anomalies.services import record_anomaly
from pgs_task.payment.anomalies.states import AnomalyKind
from pgs_task.payment.errors import NoticeRefused, UnknownPayment
from pgs_task.payment.gateways.contract import Gateway, GatewayReply, NoticeHint, VerifiedNotice
from pgs_task.payment.gateways.registry import GatewayNotOffered, get_gateway
from pgs_task.payment.models import Payment
from pgs_task.payment.services.hints import take_hint
from pgs_task.payment.services.results import apply_notice
from pgs_web.api.errors import NotFound

security_log = structlog.get_logger("pgs.security")


def receive_notice(*, gateway_code: str, headers: Mapping[str, str], body: bytes, client: str = "") -> GatewayReply:
    """What to answer a notice that was taken, now or before; raises a NoticeRefused, NotFound for an unknown gateway.

    An outage raises too, so that the gateway sends again: nothing is answered before the money is booked.
    """
    try:
        gateway = get_gateway(gateway_code)
    except GatewayNotOffered as error:
        raise NotFound from error
    notice: VerifiedNotice | NoticeHint | None = None
    try:
        notice = gateway.verify_notice(headers=headers, body=body)
        raw = "" if isinstance(notice, NoticeHint) else notice.text or body.decode()
        payment = _payment_of(gateway, notice, raw)
        if isinstance(notice, NoticeHint):
            take_hint(gateway_code=gateway.code, hint=notice)
        else:
            apply_notice(payment=payment, notice=notice, raw=raw)
    except NoticeRefused as refusal:
        _log_refusal(refusal, gateway=gateway, notice=notice, client=client, length=len(body))
        raise
    return gateway.acknowledge(notice)


def refuse_notice(*, gateway_code: str, status: int, code: str, detail: str) -> GatewayReply | None:
    """How the gateway is told that its notice wasn't taken; None: as everybody else is told."""
    try:
        return get_gateway(gateway_code).refuse(status=status, code=code, detail=detail)
    except GatewayNotOffered:
        return None


def _payment_of(gateway: Gateway, notice: VerifiedNotice | NoticeHint, raw: str) -> Payment:
    # Of this gateway: who holds one gateway's secret can't speak for another's payments.
    payment = Payment.objects.filter(pk=notice.payment_id, gateway=gateway.code).first()
    if payment is None:
        if isinstance(notice, VerifiedNotice):
            record_anomaly(
                kind=AnomalyKind.UNKNOWN_PAYMENT,
                gateway=gateway.code,
                notice=notice,
                order_id=None,
                raw=raw,
                now=database_now(alias_of_id(notice.payment_id)),
            )
        raise UnknownPayment
    return payment


def _log_refusal(
    refusal: NoticeRefused, *, gateway: Gateway, notice: VerifiedNotice | NoticeHint | None, client: str, length: int
) -> None:
    # Neither the body nor the headers: they are a stranger's, and may hold a signature that is still good.
    security_log.warning(
        "payment_notice_refused",
        gateway=gateway.code,
        code=refusal.code,
        client=client,
        length=length,
        payment_id=notice.payment_id if notice else None,
        notice_id=notice.notice_id if notice else None,
        trade_no=notice.trade_no if isinstance(notice, VerifiedNotice) else None,
    )
