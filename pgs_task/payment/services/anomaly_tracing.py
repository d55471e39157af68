"""Traces the money of anomalies: the gateway is asked whether it has it, and what it has goes back."""

import hashlib
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import F

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.anomalies.models import Anomaly
from pgs_task.payment.anomalies.services import move_anomaly
from pgs_task.payment.anomalies.states import TRACED, AnomalyKind, AnomalyState
from pgs_task.payment.errors import AnomalyNotManual, AnomalyWithoutPayment
from pgs_task.payment.gateways.contract import GatewayUnavailable, TradeAnswer, TradeState
from pgs_task.payment.gateways.registry import make_gateway
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.services.books import book_unexpected
from pgs_task.payment.services.calls import call_gateway
from pgs_task.payment.services.moves import lock_order, lock_payment
from pgs_task.payment.services.refunds import insert_refund
from pgs_task.payment.states import TAKEN, CallKind, RefundState
from pgs_web.api.errors import OUTAGES

# Seconds between questions about money that the gateway doesn't name; after the last one a person decides.
TRACE_SECONDS = (5, 30, 120, 600)
# How often the end of a refund is looked for.
REFUND_LOOK_SECONDS = 5
# Who picked one has this long to report; then it is anybody's again.
LEASE_SECONDS = 60
RUN_SECONDS = 20.0
SYSTEM = "system"

log = structlog.get_logger(__name__)


def trace_anomalies(*, limit: int = 100) -> int:
    """Looks at up to `limit` due anomalies a node, the longest due first; returns how many. Repeatable at every step.

    Costs an index look-up a node when nothing is due. Every node is served, also when another one is down.
    """
    looked_at = 0
    stop_at = time.monotonic() + RUN_SECONDS
    for alias in node_aliases():
        try:
            for anomaly in _pick_due(alias, limit):
                if time.monotonic() >= stop_at:
                    return looked_at
                _look_apart(anomaly)
                looked_at += 1
        except OUTAGES as error:
            log.warning("anomaly_node_unavailable", node=alias, error=type(error).__name__)
    return looked_at


def refund_anomaly(*, anomaly_id: int, note: str) -> str:
    """An operator found the money of a MANUAL anomaly and sends it back; returns the refund's number.

    Raises AnomalyNotManual, AnomalyWithoutPayment when there is no payment of ours whose gateway could be told.
    """
    anomaly = _manual(anomaly_id)
    payment = Payment.objects.filter(pk=anomaly.payment_id, gateway=anomaly.gateway).first()
    if payment is None or payment.currency != anomaly.currency:
        raise AnomalyWithoutPayment
    if not _send_back(anomaly, payment, paid_at=anomaly.paid_at, note=note):
        raise AnomalyNotManual
    return refund_no_of_trade(payment_id=payment.pk, trade_no=anomaly.trade_no)


def explain_anomaly(*, anomaly_id: int, note: str) -> None:
    """An operator says where the money of a MANUAL anomaly is, or that there is none; raises AnomalyNotManual."""
    if not move_anomaly(
        anomaly=_manual(anomaly_id), to_state=AnomalyState.EXPLAINED, note=note[:200], settled_at=DatabaseNow()
    ):
        raise AnomalyNotManual


def trace_again(*, anomaly_id: int) -> None:
    """An operator lets the gateway be asked about a MANUAL anomaly again; raises AnomalyNotManual."""
    changes = {"attempts": 0, "next_try_at": DatabaseNow()}
    if not move_anomaly(anomaly=_manual(anomaly_id), to_state=AnomalyState.OPEN, **changes):
        raise AnomalyNotManual


def refund_no_of_trade(*, payment_id: int, trade_no: str) -> str:
    """The only refund number that the money of this trade can have."""
    return f"R{payment_id}X{hashlib.sha256(trade_no.encode()).hexdigest()[:12]}"


def _manual(anomaly_id: int) -> Anomaly:
    anomaly = Anomaly.objects.filter(pk=anomaly_id, state=AnomalyState.MANUAL).first()
    if anomaly is None:
        raise AnomalyNotManual
    return anomaly


def _pick_due(alias: str, limit: int) -> Sequence[Anomaly]:
    due = Anomaly.objects.on_node(alias).filter(state__in=TRACED, next_try_at__lte=DatabaseNow())
    # Read without a transaction first: when nothing is due, which is nearly always, no write lock is taken.
    if not due.exists():
        return []
    with node_transaction(alias):
        # Rows that another process is just picking are passed over.
        anomalies = list(due.select_for_update(skip_locked=True).order_by("next_try_at")[:limit])
        Anomaly.objects.on_node(alias).filter(pk__in=[anomaly.pk for anomaly in anomalies]).update(
            attempts=F("attempts") + 1, next_try_at=DatabaseNow(after=timedelta(seconds=LEASE_SECONDS))
        )
    for anomaly in anomalies:
        anomaly.attempts += 1
    return anomalies


def _look_apart(anomaly: Anomaly) -> None:
    """One that our own code stumbles over is looked at again later, and the others now."""
    try:
        if anomaly.state == AnomalyState.REFUNDING:
            _look_for_refund(anomaly)
        else:
            _trace(anomaly)
    except OUTAGES:
        raise
    except Exception:
        log.exception("anomaly_broke_down", anomaly_id=anomaly.pk)
        _ask_later(anomaly, "our own code failed, see the log")


def _look_for_refund(anomaly: Anomaly) -> None:
    refund = Refund.objects.filter(payment_id=anomaly.payment_id, refund_no=anomaly.refund_no).first()
    if refund is not None and refund.state == RefundState.SUCCEEDED:
        move_anomaly(anomaly=anomaly, to_state=AnomalyState.REFUNDED, settled_at=DatabaseNow())
        return
    _look_again(anomaly, REFUND_LOOK_SECONDS)


def _trace(anomaly: Anomaly) -> None:
    payment = Payment.objects.filter(pk=anomaly.payment_id, gateway=anomaly.gateway).first()
    if payment is None or anomaly.kind == AnomalyKind.FOREIGN_NUMBER or payment.currency != anomaly.currency:
        # Nothing that we know is asked about by its number.
        _call_somebody(anomaly, "")
        return
    try:
        gateway = make_gateway(anomaly.gateway)
        answer = call_gateway(
            lambda: gateway.query(payment_id=payment.pk), payment_id=payment.pk, kind=CallKind.QUERY, asked_by=SYSTEM
        )
    except GatewayUnavailable:
        _ask_later(anomaly, "the gateway doesn't answer")
        return
    if _has_it(answer, anomaly) and answer.paid_at is not None:
        _send_back(anomaly, payment, paid_at=answer.paid_at, note=SYSTEM)
    elif not _is_what_paid(answer, payment):
        _ask_later(anomaly, f"the gateway says {answer.state} {answer.trade_no} {answer.amount_fen}")
    elif answer.trade_no == anomaly.trade_no:
        # What was told is not what the gateway has in its books, and that is booked here.
        note = "the gateway has the payment's own amount under this trade"
        move_anomaly(anomaly=anomaly, to_state=AnomalyState.EXPLAINED, note=note, settled_at=DatabaseNow())
    else:
        _call_somebody(anomaly, "the gateway tells only of the trade that paid")


def _has_it(answer: TradeAnswer, anomaly: Anomaly) -> bool:
    said = (answer.trade_no, answer.amount_fen, answer.currency)
    return answer.state == TradeState.PAID and said == (anomaly.trade_no, anomaly.amount_fen, anomaly.currency)


def _is_what_paid(answer: TradeAnswer, payment: Payment) -> bool:
    said = (answer.trade_no, answer.amount_fen, answer.currency)
    return payment.state in TAKEN and said == (payment.trade_no, payment.amount_fen, payment.currency)


def _send_back(anomaly: Anomaly, payment: Payment, *, paid_at: datetime, note: str) -> bool:
    """Books the money and makes its refund, in one transaction; False when somebody else has settled the anomaly."""
    refund_no = refund_no_of_trade(payment_id=payment.pk, trade_no=anomaly.trade_no)
    with node_transaction(anomaly.pk) as alias:
        lock_order(order_id=payment.order_id)
        payment = lock_payment(payment_id=payment.pk)
        if payment.trade_no == anomaly.trade_no and payment.state in TAKEN:
            # Meanwhile it is the payment's own money; it goes back with the payment or not at all.
            return move_anomaly(
                anomaly=anomaly, to_state=AnomalyState.EXPLAINED, note="paid by it", settled_at=DatabaseNow()
            )
        if not move_anomaly(
            anomaly=anomaly,
            to_state=AnomalyState.REFUNDING,
            refund_no=refund_no,
            note=note[:200],
            next_try_at=DatabaseNow(after=timedelta(seconds=REFUND_LOOK_SECONDS)),
        ):
            return False
        now = database_now(alias)
        is_known = Refund.objects.filter(payment_id=payment.pk, refund_no=refund_no).exists()
        if is_known:
            # Two anomalies about the same trade: one refund.
            return True
        insert_refund(
            payment=payment,
            reason=anomaly.kind,
            now=now,
            amount_fen=anomaly.amount_fen,
            trade_no=anomaly.trade_no,
            refund_no=refund_no,
        )
        book_unexpected(payment=payment, trade_no=anomaly.trade_no, amount_fen=anomaly.amount_fen, at=min(paid_at, now))
    return True


def _ask_later(anomaly: Anomaly, note: str) -> None:
    if anomaly.attempts > len(TRACE_SECONDS):
        _call_somebody(anomaly, note)
    else:
        _look_again(anomaly, TRACE_SECONDS[anomaly.attempts - 1])


def _look_again(anomaly: Anomaly, seconds: float) -> None:
    with node_transaction(anomaly.pk):
        Anomaly.objects.on_node(alias_of_id(anomaly.pk)).filter(pk=anomaly.pk, state=anomaly.state).update(
            next_try_at=DatabaseNow(after=timedelta(seconds=seconds))
        )


def _call_somebody(anomaly: Anomaly, note: str) -> None:
    if anomaly.state == AnomalyState.OPEN and move_anomaly(
        anomaly=anomaly, to_state=AnomalyState.MANUAL, note=note[:200]
    ):
        log.error("payment_anomaly_manual", anomaly_id=anomaly.pk, payment_id=anomaly.payment_id, kind=anomaly.kind)
