"""Makes refunds: one row a payment and cause that money has to go back for, together never more than was paid.

The number says what it is for, so that whoever asks, and however often, meets the same row:
`R<payment>` gives back all that is left of the payment (group failed, shopper, operator, late: one row for all),
`R<payment>-<n>` answers the order's n-th after-sale request, money of another trade has the number its caller made.
An order whose surcharge was paid has two payments: all that is left is a refund each, an after-sale request takes from
the one that was made first before it takes from the other.
"""

from collections import defaultdict
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
from pgs_task.payment.services.moves import MovedMeanwhile, lock_order, move_refund
from pgs_task.payment.states import PaymentState, RefundState
from pgs_web.trade.order.services import finish_refund

# Refunds in one transaction.
REFUNDS_A_TRANSACTION = 200
LONGEST_REASON = 32


@dataclass(frozen=True, kw_only=True)
class RefundWish:
    """An order whose payment is to go back."""

    order_id: int
    reason: str


def refund_no_of(*, payment_id: int, sequence: int | None = None) -> str:
    """The number of the refund of all that is left, or of the one for the order's n-th after-sale request."""
    return f"R{payment_id}" if sequence is None else f"R{payment_id}-{sequence}"


def request_refund(*, order_id: int, reason: str) -> Refund:
    """The refund of the first payment that paid the order, made at the first call with those of the others.

    Raises NothingToRefund when there is none.
    """
    return request_refunds(wishes=[RefundWish(order_id=order_id, reason=reason)])[0]


def request_refunds(*, wishes: Iterable[RefundWish]) -> list[Refund]:
    """The refunds of all that paid these orders, those that are missing made; one transaction a node and 200 orders.

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
    for refund in refunds:
        if refund.request_id is not None and refund.state == RefundState.SUCCEEDED:
            # After-sale refunds have given this payment back before: nothing is sent that would end the order later.
            _finish_if_whole(refund.order_id)
    return refunds


def request_partial_refund(
    *, order_id: int, request_id: int, sequence: int, amount_fen: int, reason: str
) -> list[Refund]:
    """The refunds that answer an after-sale request, made at the first call, together: one a payment that it needs.

    Raises NothingToRefund when no payment has paid the order, MovedMeanwhile when less is left of them, ValueError when
    the request was answered with another amount.
    """
    with node_transaction(order_id) as alias:
        payments = _lock_paying(alias, [order_id])
        if not payments:
            raise NothingToRefund(f"No payment has paid the order {order_id}.")
        ids = [payment.pk for payment in payments]
        known = list(Refund.objects.on_node(alias).filter(payment_id__in=ids, request_id=request_id).order_by("pk"))
        if known:
            if sum(refund.amount_fen for refund in known) != amount_fen:
                raise ValueError(f"The request {request_id} was answered with another amount.")
            return known
        now = database_now(alias)
        return [
            insert_refund(
                payment=payment,
                reason=reason,
                now=now,
                amount_fen=part_fen,
                refund_no=refund_no_of(payment_id=payment.pk, sequence=sequence),
                request_id=request_id,
            )
            for payment, part_fen in _spread(payments, amount_fen)
        ]


def _spread(payments: Sequence[Payment], amount_fen: int) -> list[tuple[Payment, int]]:
    """What each of an order's payments gives back of an amount: as much as is left of it, the first payment first."""
    parts: list[tuple[Payment, int]] = []
    missing = amount_fen
    for payment in payments:
        part_fen = min(missing, payment.amount_fen - payment.refunded_fen)
        if part_fen > 0:
            parts.append((payment, part_fen))
            missing -= part_fen
    if missing:
        raise MovedMeanwhile(f"{amount_fen} fen were to be refunded, {missing} more than is left.")
    return parts


def _lock_paying(alias: str, order_ids: Sequence[int]) -> list[Payment]:
    """The payments that have paid these orders and their surcharges, locked, the first ones first."""
    payments = Payment.objects.on_node(alias).select_for_update().filter(order_id__in=order_ids).order_by("pk")
    return list(payments.exclude(paid_order_id=None, surcharge_order_id=None))


def _finish_if_whole(order_id: int) -> None:
    """The order is REFUNDED when everything that paid it is."""
    with node_transaction(order_id) as alias:
        lock_order(order_id=order_id)
        if all(payment.state == PaymentState.REFUNDED for payment in _lock_paying(alias, [order_id])):
            finish_refund(order_id=order_id)


def insert_refund(
    *,
    payment: Payment,
    reason: str,
    now: datetime,
    amount_fen: int | None = None,
    trade_no: str | None = None,
    refund_no: str | None = None,
    request_id: int | None = None,
) -> Refund:
    """The refund of this number, made inside the caller's node transaction, which holds the payment's lock.

    By default it gives back all that is left of the payment. With `trade_no` it gives back money that came under
    another trade and never paid (a wrong amount, a second trade): then amount and number must be given, and the
    payment's own money isn't touched. Raises MovedMeanwhile when the payment isn't paid or less is left of it, and
    ValueError for a number that another refund has.
    """
    refund_no = refund_no or refund_no_of(payment_id=payment.pk)
    known = Refund.objects.filter(payment_id=payment.pk, refund_no=refund_no).first()
    if known is not None:
        if known.trade_no != trade_no or amount_fen not in {None, known.amount_fen}:
            raise ValueError(f"{refund_no} is the number of another refund.")
        return known
    if trade_no is not None:
        if amount_fen is None or refund_no == refund_no_of(payment_id=payment.pk):
            raise ValueError("Money of another trade is given back under a number, and in an amount, of its own.")
    else:
        amount_fen = _promise([payment], amount_fen=amount_fen)[payment.pk]
    refund = _draft(payment, refund_no=refund_no, amount_fen=amount_fen, reason=reason, now=now)
    refund.trade_no, refund.request_id = trade_no, request_id
    refund.save(force_insert=True)
    return refund


def retry_refund(*, payment_id: int, refund_no: str) -> Refund:
    """An operator lets a MANUAL refund be tried again, at once; raises RefundNotManual for any other.

    It counts as tried once: the gateway is asked about the old tries before it is asked to pay.
    """
    with node_transaction(payment_id) as alias:
        refund = Refund.objects.filter(payment_id=payment_id, refund_no=refund_no).first()
        if refund is None or refund.state != RefundState.MANUAL:
            raise RefundNotManual
        now = database_now(alias)
        if not move_refund(
            refund=refund,
            to_state=RefundState.PROCESSING,
            attempts=1,
            next_try_at=now,
            # Who tries again doesn't say any more that it was paid by hand.
            evidence=None,
            claimed_by=None,
        ):
            raise RefundNotManual
        refund.refresh_from_db()
    return refund


def _request_on_node(alias: str, order_ids: Sequence[int], reasons: dict[int, str]) -> list[Refund]:
    with node_transaction(alias):
        payments = _lock_paying(alias, order_ids)
        if missing := set(order_ids) - {payment.order_id for payment in payments}:
            raise NothingToRefund(f"No payment has paid these orders: {sorted(missing)}.")
        numbers = {refund_no_of(payment_id=payment.pk): payment for payment in payments}
        ids = [payment.pk for payment in payments]
        known = list(Refund.objects.on_node(alias).filter(payment_id__in=ids, refund_no__in=list(numbers)))
        refunded = {refund.payment_id for refund in known}
        fresh = [payment for payment in payments if payment.pk not in refunded]
        if not fresh:
            return known
        return known + _refund_the_rest(alias, fresh, reasons)


def _refund_the_rest(alias: str, payments: Sequence[Payment], reasons: dict[int, str]) -> list[Refund]:
    """Promises what is left of each of these locked payments.

    Of a payment that after-sale refunds have promised wholly: the one of them that ends last, or has ended.
    """
    now = database_now(alias)
    spent = [payment for payment in payments if payment.refunded_fen == payment.amount_fen]
    open_ = [payment for payment in payments if payment.refunded_fen < payment.amount_fen]
    amounts = _promise(open_)
    made = Refund.objects.on_node(alias).bulk_create(
        _draft(
            payment,
            refund_no=refund_no_of(payment_id=payment.pk),
            amount_fen=amounts[payment.pk],
            reason=reasons[payment.order_id],
            now=now,
        )
        for payment in open_
    )
    ends: dict[int, Refund] = {}
    if spent:
        rows = Refund.objects.on_node(alias).filter(payment_id__in=[payment.pk for payment in spent], trade_no=None)
        # What isn't done decides when the order ends.
        for refund in sorted(rows, key=lambda row: row.state != RefundState.SUCCEEDED):
            ends[refund.payment_id] = refund
    return [*made, *ends.values()]


def _promise(payments: Sequence[Payment], *, amount_fen: int | None = None) -> dict[int, int]:
    """Raises what is promised back of each payment, of one node, by the amount or all that is left; payment → amount.

    Raises MovedMeanwhile when one isn't paid, has less left, or was promised from since it was read.
    """
    amounts = {payment.pk: amount_fen or payment.amount_fen - payment.refunded_fen for payment in payments}
    before: dict[int, list[int]] = defaultdict(list)
    for payment in payments:
        before[payment.refunded_fen].append(payment.pk)
    for refunded_fen, ids in before.items():
        rest = F("amount_fen") - refunded_fen
        promised = (
            Payment.objects.on_node(alias_of_id(ids[0]))
            .filter(pk__in=ids, state__in=[PaymentState.SUCCEEDED, PaymentState.LATE], refunded_fen=refunded_fen)
            .filter(amount_fen__gte=refunded_fen + (amount_fen or 1))
            .update(refunded_fen=F("refunded_fen") + (rest if amount_fen is None else amount_fen))
        )
        if promised != len(ids):
            raise MovedMeanwhile(f"{len(ids)} payments were to be refunded, {promised} could: {ids[:5]}.")
    for payment in payments:
        payment.refunded_fen += amounts[payment.pk]
    return amounts


def _draft(payment: Payment, *, refund_no: str, amount_fen: int, reason: str, now: datetime) -> Refund:
    return Refund(
        payment_id=payment.pk,
        order_id=payment.order_id,
        refund_no=refund_no,
        gateway=payment.gateway,
        amount_fen=amount_fen,
        reason=reason[:LONGEST_REASON],
        state=RefundState.WAITING,
        next_try_at=now,
        latest_by=now + timedelta(seconds=settings.REFUND_WITHIN_SECONDS),
        created_at=now,
    )
