"""What a gateway's word does to a payment and its order: one transaction on their node, whoever brought the word."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_task.journal.accounts import MovementCause
from pgs_task.payment.anomalies.services import record_anomaly
from pgs_task.payment.anomalies.states import AnomalyKind
from pgs_task.payment.errors import NumberTaken, WrongAmount
from pgs_task.payment.gateways.contract import TradeAnswer, VerifiedNotice
from pgs_task.payment.models import Notice, Payment
from pgs_task.payment.services.books import book_taken
from pgs_task.payment.services.late import settle_late_payment
from pgs_task.payment.services.moves import ask_after_closing, clamp, lock_order, lock_payment, move_payment
from pgs_task.payment.services.numbers import claim_numbers
from pgs_task.payment.states import ANOMALIES, TAKEN, NoticeOutcome, NoticeStatus, PaymentState
from pgs_web.trade.order.dues import DuePurpose
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import buy_alone, mark_paid

# What the tracing of anomalies calls what a notice did.
ANOMALY_KINDS = {
    NoticeOutcome.WRONG_AMOUNT: AnomalyKind.WRONG_AMOUNT,
    NoticeOutcome.SECOND_TRADE: AnomalyKind.SECOND_TRADE,
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What a notice did; `is_repeated` when it was stored before and did nothing now."""

    outcome: NoticeOutcome
    is_repeated: bool


def apply_notice(*, payment: Payment, notice: VerifiedNotice, raw: str, is_notice: bool = True) -> Applied:
    """Applies a gateway's word once, however often and from how many sides it comes.

    Raises NumberTaken, and WrongAmount after the anomaly was stored. A crash before the commit leaves at most the
    claimed numbers: the gateway sends again, or is asked.
    """
    try:
        claim_numbers(gateway=payment.gateway, notice=notice, is_notice=is_notice)
    except NumberTaken:
        # Somebody else's trade, or a notice that says something else than before: money or not, it has to be looked at.
        _record(AnomalyKind.FOREIGN_NUMBER, payment, notice, raw=raw, now=database_now(alias_of_id(payment.pk)))
        raise
    with node_transaction(payment.pk) as alias:
        order = lock_order(order_id=payment.order_id)
        payment = lock_payment(payment_id=payment.pk)
        known = Notice.objects.filter(
            payment_id=payment.pk, gateway=payment.gateway, notice_id=notice.notice_id
        ).first()
        if known is None:
            now = database_now(alias)
            outcome = _apply(payment, notice, order, now)
            _store(payment, notice, outcome=outcome, raw=raw, now=now)
            if outcome in ANOMALY_KINDS:
                _record(ANOMALY_KINDS[outcome], payment, notice, raw=raw, now=now)
        else:
            outcome = NoticeOutcome(known.outcome)
    applied = Applied(outcome=outcome, is_repeated=known is not None)
    _judge(applied, payment=payment, notice=notice)
    return applied


def apply_trade_answer(*, payment: Payment, answer: TradeAnswer) -> Applied:
    """Applies a gateway's answer that a payment is PAID, the same way as a notice; raises like apply_notice."""
    if answer.paid_at is None:
        raise ValueError("A paid trade has a moment.")
    notice = VerifiedNotice(
        notice_id=f"query:{payment.pk}",
        payment_id=payment.pk,
        trade_no=answer.trade_no,
        amount_fen=answer.amount_fen,
        currency=answer.currency,
        status=NoticeStatus.SUCCESS,
        paid_at=answer.paid_at,
    )
    return apply_notice(payment=payment, notice=notice, raw=repr(answer), is_notice=False)


def _apply(payment: Payment, notice: VerifiedNotice, order: Order | None, now: datetime) -> NoticeOutcome:
    if (notice.amount_fen, notice.currency) != (payment.amount_fen, payment.currency):
        return NoticeOutcome.WRONG_AMOUNT
    match notice.status:
        case NoticeStatus.SUCCESS:
            return _apply_success(payment, notice, order, now)
        case NoticeStatus.CLOSED if payment.state == PaymentState.WAITING:
            move_payment(payment=payment, to_state=PaymentState.CLOSED, **ask_after_closing(now=now))
            return NoticeOutcome.CLOSED
        case NoticeStatus.FAIL if payment.state == PaymentState.WAITING:
            return NoticeOutcome.FAILED
    return NoticeOutcome.IGNORED


def _apply_success(payment: Payment, notice: VerifiedNotice, order: Order | None, now: datetime) -> NoticeOutcome:
    if payment.state in TAKEN:
        return NoticeOutcome.DUPLICATE if payment.trade_no == notice.trade_no else NoticeOutcome.SECOND_TRADE
    paid_at = clamp(notice.paid_at or now, earliest=payment.created_at, latest=now)
    # The order decides under its lock: paid by another payment or cancelled, it takes no money any more.
    if payment.state == PaymentState.WAITING and (paid := _pay(payment, paid_at=paid_at)):
        move_payment(
            payment=payment, to_state=PaymentState.SUCCEEDED, trade_no=notice.trade_no, paid_at=paid_at, **paid
        )
        book_taken(payment=payment, cause=MovementCause.PAID, at=paid_at)
        return NoticeOutcome.PAID
    move_payment(payment=payment, to_state=PaymentState.LATE, trade_no=notice.trade_no, paid_at=paid_at)
    book_taken(payment=payment, cause=MovementCause.LATE_PAID, at=paid_at)
    settle_late_payment(payment=payment, order=order, now=now)
    return NoticeOutcome.LATE


def _pay(payment: Payment, *, paid_at: datetime) -> dict[str, int]:
    """Which column of the payment says that its order took it; empty when it didn't."""
    if payment.purpose == DuePurpose.SURCHARGE:
        bought = buy_alone(order_id=payment.order_id, surcharge_fen=payment.amount_fen)
        return {} if bought is None else {"surcharge_order_id": payment.order_id}
    return {"paid_order_id": payment.order_id} if mark_paid(order_id=payment.order_id, paid_at=paid_at) else {}


def _store(payment: Payment, notice: VerifiedNotice, *, outcome: NoticeOutcome, raw: str, now: datetime) -> None:
    Notice.objects.create(
        payment_id=payment.pk,
        gateway=payment.gateway,
        notice_id=notice.notice_id,
        trade_no=notice.trade_no,
        status=notice.status,
        amount_fen=notice.amount_fen,
        outcome=outcome,
        raw=raw,
        received_at=now,
    )


def _record(kind: AnomalyKind, payment: Payment, notice: VerifiedNotice, *, raw: str, now: datetime) -> None:
    record_anomaly(kind=kind, gateway=payment.gateway, notice=notice, order_id=payment.order_id, raw=raw, now=now)


def _judge(applied: Applied, *, payment: Payment, notice: VerifiedNotice) -> None:
    facts = {
        "payment_id": payment.pk,
        "order_id": payment.order_id,
        "gateway": payment.gateway,
        "trade_no": notice.trade_no,
        "outcome": applied.outcome.value,
        "is_repeated": applied.is_repeated,
    }
    if applied.outcome not in ANOMALIES:
        log.info("payment_notice_applied", **facts)
        return
    # Money moved that the books can't take: somebody has to look, and the statement will not fit until then.
    log.error("payment_notice_anomaly", amount_fen=notice.amount_fen, expected_fen=payment.amount_fen, **facts)
    if applied.outcome == NoticeOutcome.WRONG_AMOUNT:
        raise WrongAmount
    raise NumberTaken
