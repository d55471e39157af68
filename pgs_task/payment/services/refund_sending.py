"""Sends refunds to their gateway: asks before every retry, waits longer each time, calls a person at the end."""

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError
from django.db.models import F

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.gateways.contract import (
    Gateway,
    GatewayUnavailable,
    RefundAnswer,
    RefundAnswerState,
    RefundRequest,
)
from pgs_task.payment.gateways.registry import make_gateway
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.services.books import book_given_back
from pgs_task.payment.services.calls import call_gateway
from pgs_task.payment.services.moves import clamp, lock_order, lock_payment, move_refund
from pgs_task.payment.services.refund_settling import settle_refund
from pgs_task.payment.states import UNFINISHED_REFUNDS, CallKind, RefundState
from pgs_web.api.errors import OUTAGES

# A refund that was picked and never reported is due again after this; longer than any call to a gateway.
LEASE_SECONDS = 60
# Picked together: what a crash between picking and sending delays by a lease.
PICKED_TOGETHER = 10
# Stops picking after this, so that a slow gateway doesn't stretch one run without end.
RUN_SECONDS = 20.0
JITTER = 0.2
LONGEST_ERROR = 300

_chance = random.SystemRandom()
log = structlog.get_logger(__name__)


def process_due_refunds(*, limit: int = 200) -> Counter[RefundState]:
    """Sends up to `limit` due refunds a node, the longest due first; counts the states that they ended in.

    Costs what is due: an index look-up a node when nothing is. Every node is served, also when another one is down.
    """
    ended: Counter[RefundState] = Counter()
    stop_at = time.monotonic() + RUN_SECONDS
    for alias in node_aliases():
        try:
            left = limit
            while left > 0 and time.monotonic() < stop_at:
                refunds = _pick_due(alias, min(left, PICKED_TOGETHER))
                if not refunds:
                    break
                left -= len(refunds)
                payments = Payment.objects.on_node(alias).in_bulk([refund.payment_id for refund in refunds])
                ended.update(_send_apart(refund, payments) for refund in refunds)
        except OUTAGES as error:
            log.warning("refund_node_unavailable", node=alias, error=type(error).__name__)
    return ended


def send_refund(*, refund: Refund, payment: Payment) -> RefundState:
    """Sends one refund that was picked (PROCESSING) and books the answer; returns its state then.

    Dying after the gateway did it and before it is booked: the refund stays PROCESSING, is due again after its lease,
    and the gateway is asked before anything is sent. It pays once a refund number in any case.
    """
    try:
        answer = _ask_gateway(make_gateway(refund.gateway), refund, payment)
    except GatewayUnavailable as error:
        # Done or not, nobody knows: PROCESSING says so.
        return _put_off(refund, RefundState.PROCESSING, f"no answer: {error}")
    match answer.state:
        case RefundAnswerState.SUCCEEDED:
            return _finish(refund, answer)
        case RefundAnswerState.PROCESSING:
            return _put_off(refund, RefundState.PROCESSING, answer.message or "accepted, not done")
        case _:
            return _put_off(refund, RefundState.FAILED, answer.message or "refused")


def _send_apart(refund: Refund, payments: Mapping[int, Payment]) -> RefundState:
    """One refund that our own code stumbles over climbs the ladder up to a person, and the others are sent."""
    try:
        return send_refund(refund=refund, payment=payments[refund.payment_id])
    except OUTAGES:
        raise
    except Exception as error:
        log.exception("refund_broke_down", refund_no=refund.refund_no, order_id=refund.order_id)
        # Whether the gateway did it is unknown: PROCESSING, so it is asked first.
        return _put_off(refund, RefundState.PROCESSING, f"{type(error).__name__} here, see the log")


def pause_after(attempts: int) -> timedelta | None:
    """How long to wait after so many tries, None at the end of the ladder.

    ± a fifth, so that many that failed together don't come back together.
    """
    ladder = settings.REFUND_RETRY_SECONDS
    if attempts > len(ladder):
        return None
    return timedelta(seconds=ladder[attempts - 1] * _chance.uniform(1 - JITTER, 1 + JITTER))


def _pick_due(alias: str, limit: int) -> Sequence[Refund]:
    """Takes due refunds for this process: PROCESSING, one more attempt, and not due again before the lease ends."""
    due = Refund.objects.on_node(alias).filter(state__in=UNFINISHED_REFUNDS, next_try_at__lte=DatabaseNow())
    # Read without a transaction first: when nothing is due, which is nearly always, no write lock is taken.
    if not due.exists():
        return []
    with node_transaction(alias):
        # Rows that another process is just picking are passed over.
        refunds = list(due.select_for_update(skip_locked=True).order_by("next_try_at")[:limit])
        lease_ends = database_now(alias) + timedelta(seconds=LEASE_SECONDS)
        Refund.objects.on_node(alias).filter(pk__in=[refund.pk for refund in refunds]).update(
            state=RefundState.PROCESSING, attempts=F("attempts") + 1, next_try_at=lease_ends
        )
    for refund in refunds:
        refund.state, refund.attempts, refund.next_try_at = RefundState.PROCESSING, refund.attempts + 1, lease_ends
    return refunds


def _ask_gateway(gateway: Gateway, refund: Refund, payment: Payment) -> RefundAnswer:
    if refund.attempts > 1:
        answer = call_gateway(
            lambda: gateway.query_refund(payment_id=refund.payment_id, refund_no=refund.refund_no),
            payment_id=refund.payment_id,
            kind=CallKind.QUERY_REFUND,
            refund_no=refund.refund_no,
        )
        if answer.state in {RefundAnswerState.SUCCEEDED, RefundAnswerState.PROCESSING}:
            return answer
    wish = RefundRequest(
        payment_id=refund.payment_id,
        trade_no=refund.trade_no or payment.trade_no or "",
        refund_no=refund.refund_no,
        amount_fen=refund.amount_fen,
        # Another trade's money is given back whole.
        paid_fen=payment.amount_fen if refund.trade_no is None else refund.amount_fen,
        reason=refund.reason,
    )
    return call_gateway(
        lambda: gateway.refund(wish),
        payment_id=refund.payment_id,
        kind=CallKind.REFUND,
        refund_no=refund.refund_no,
    )


def _finish(refund: Refund, answer: RefundAnswer) -> RefundState:
    with node_transaction(refund.payment_id) as alias:
        lock_order(order_id=refund.order_id)
        payment = lock_payment(payment_id=refund.payment_id)
        now = database_now(alias)
        finished_at = clamp(answer.refunded_at or now, earliest=refund.created_at, latest=now)
        is_ours = _book_success(refund, answer, finished_at=finished_at)
        if is_ours:
            book_given_back(payment=payment, refund=refund, at=finished_at)
            settle_refund(payment=payment, refund=refund)
    if is_ours is None:
        # Never count one payout for two.
        return _hand_over(refund, "the gateway's refund number belongs to another refund")
    log.info("refund_succeeded", refund_no=refund.refund_no, order_id=refund.order_id, is_ours=is_ours)
    return RefundState.SUCCEEDED


def _book_success(refund: Refund, answer: RefundAnswer, *, finished_at: datetime) -> bool | None:
    """True when the refund moved, False when another process booked it first, None when the number isn't new."""
    try:
        # A savepoint, so that the refused number leaves the transaction around it usable.
        with node_transaction(refund.payment_id):
            return move_refund(
                refund=refund,
                to_state=RefundState.SUCCEEDED,
                gateway_refund_no=answer.gateway_refund_no,
                finished_at=finished_at,
                last_error="",
            )
    except IntegrityError:
        return None


def _put_off(refund: Refund, state: RefundState, error: str) -> RefundState:
    pause = pause_after(refund.attempts)
    if pause is None:
        return _hand_over(refund, error)
    with node_transaction(refund.payment_id) as alias:
        next_try_at: datetime = database_now(alias) + pause
        # Not ours any more when the lease ran out and another process went on: then it is for the other to say.
        move_refund(refund=refund, to_state=state, next_try_at=next_try_at, last_error=error[:LONGEST_ERROR])
    log.warning("refund_put_off", refund_no=refund.refund_no, attempts=refund.attempts, state=state, error=error)
    return state


def _hand_over(refund: Refund, error: str) -> RefundState:
    with node_transaction(refund.payment_id):
        move_refund(refund=refund, to_state=RefundState.MANUAL, last_error=error[:LONGEST_ERROR])
    log.error("refund_manual", refund_no=refund.refund_no, order_id=refund.order_id, error=error)
    return RefundState.MANUAL
