"""Makes refunds: one a payment, whoever asks for it and how often."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id, ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.errors import NothingToRefund, RefundNotManual
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.services.moves import MovedMeanwhile, move_refund
from pgs_task.payment.states import PaymentState, RefundState

# Refunds in one transaction.
REFUNDS_A_TRANSACTION = 200
LONGEST_REASON = 32


@dataclass(frozen=True, kw_only=True)
class RefundWish:
    """An order whose payment is to go back."""

    order_id: int
    reason: str


def refund_no_of(*, payment_id: int) -> str:
    """The only refund number that a payment can have: every cause leads to the same row."""
    return f"R{payment_id}"


def request_refund(*, order_id: int, reason: str) -> Refund:
    """The refund of the payment that paid the order, made at the first call; raises NothingToRefund without one."""
    return request_refunds(wishes=[RefundWish(order_id=order_id, reason=reason)])[0]


def request_refunds(*, wishes: Iterable[RefundWish]) -> list[Refund]:
    """The refunds of these orders' payments, those that are missing made; one transaction a node and 200 orders.

    Raises NothingToRefund when one has no payment; nothing of its transaction is written then. Dying in between leaves
    some made, and the same call again makes the rest.
    """
    reasons: dict[int, str] = {}
    for wish in wishes:
        reasons.setdefault(wish.order_id, wish.reason[:LONGEST_REASON])
    refunds: list[Refund] = []
    for alias, order_ids in ids_by_node(reasons).items():
        for start in range(0, len(order_ids), REFUNDS_A_TRANSACTION):
            refunds += _request_on_node(alias, order_ids[start : start + REFUNDS_A_TRANSACTION], reasons)
    return refunds


def insert_refund(*, payment: Payment, reason: str, now: datetime) -> Refund:
    """Makes the refund of one payment inside the caller's node transaction, which holds the payment's lock."""
    return _insert_refunds([payment], {payment.order_id: reason[:LONGEST_REASON]}, now)[0]


def retry_refund(*, payment_id: int, refund_no: str) -> Refund:
    """An operator lets a MANUAL refund be tried again, at once; raises RefundNotManual for any other.

    It counts as tried once: the gateway is asked about the old tries before it is asked to pay.
    """
    with node_transaction(payment_id) as alias:
        refund = Refund.objects.filter(payment_id=payment_id, refund_no=refund_no).first()
        if refund is None or refund.state != RefundState.MANUAL:
            raise RefundNotManual
        now = database_now(alias)
        if not move_refund(refund=refund, to_state=RefundState.PROCESSING, attempts=1, next_try_at=now):
            raise RefundNotManual
        refund.refresh_from_db()
    return refund


def _request_on_node(alias: str, order_ids: Sequence[int], reasons: dict[int, str]) -> list[Refund]:
    with node_transaction(alias):
        payments = list(
            Payment.objects.on_node(alias).select_for_update().filter(paid_order_id__in=order_ids).order_by("pk")
        )
        if missing := set(order_ids) - {payment.order_id for payment in payments}:
            raise NothingToRefund(f"No payment has paid these orders: {sorted(missing)}.")
        ids = [payment.pk for payment in payments]
        known = list(Refund.objects.on_node(alias).filter(payment_id__in=ids))
        refunded = {refund.payment_id for refund in known}
        fresh = [payment for payment in payments if payment.pk not in refunded]
        return known + (_insert_refunds(fresh, reasons, database_now(alias)) if fresh else [])


def _insert_refunds(payments: Sequence[Payment], reasons: dict[int, str], now: datetime) -> list[Refund]:
    """Promises the whole of each payment back; raises MovedMeanwhile when one was promised or isn't paid."""
    alias = alias_of_id(payments[0].pk)
    promised = (
        Payment.objects.on_node(alias)
        .filter(
            pk__in=[payment.pk for payment in payments],
            state__in=[PaymentState.SUCCEEDED, PaymentState.LATE],
            refunded_fen=0,
        )
        .update(refunded_fen=F("amount_fen"))
    )
    if promised != len(payments):
        raise MovedMeanwhile(f"{len(payments)} payments were to be refunded on {alias}, {promised} could.")
    latest_by = now + timedelta(seconds=settings.REFUND_WITHIN_SECONDS)
    return Refund.objects.bulk_create(
        Refund(
            payment_id=payment.pk,
            order_id=payment.order_id,
            refund_no=refund_no_of(payment_id=payment.pk),
            gateway=payment.gateway,
            amount_fen=payment.amount_fen,
            reason=reasons[payment.order_id],
            state=RefundState.WAITING,
            next_try_at=now,
            latest_by=latest_by,
            created_at=now,
        )
        for payment in payments
    )
