"""What the sandbox gateway does with money; every act is one durable transaction in its own books."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from pgs_data.clock import DatabaseNow
from pgs_task.payment.sandbox_gateway.errors import RefundRefused, TradeRefused
from pgs_task.payment.sandbox_gateway.faults import chance, fail_if_told, is_fault_due
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxRefund, SandboxTrade, TradeState


def open_trade(*, payment_id: int, amount_fen: int, currency: str) -> SandboxTrade:
    """The trade of a payment, opened at the first call; raises TradeRefused for another amount than the first."""
    fail_if_told(FaultKind.CREATE_UNAVAILABLE)
    trade, _ = SandboxTrade.objects.get_or_create(
        payment_id=payment_id,
        defaults={"trade_no": f"SB{payment_id}", "amount_fen": amount_fen, "currency": currency},
    )
    # What was taken may be another amount than was asked for.
    if trade.state != TradeState.TAKEN and (trade.amount_fen, trade.currency) != (amount_fen, currency):
        raise TradeRefused
    fail_if_told(FaultKind.CREATE_DONE_UNANSWERED)
    return trade


def find_trade(*, payment_id: int) -> SandboxTrade | None:
    """The trade of a payment as it is now."""
    fail_if_told(FaultKind.QUERY_UNAVAILABLE)
    return SandboxTrade.objects.filter(payment_id=payment_id).first()


def take_money(*, payment_id: int) -> SandboxTrade | None:
    """Takes the shopper's money, once; None when the shop never opened the trade.

    A trade that the shop has closed is paid all the same: it plays the shopper whose payment was under way, whose money
    arrives late at every gateway now and then.
    """
    # Dying after this: the money is taken, the shop doesn't know; a second call, or the shop's own question, tells it.
    taken = {"state": TradeState.TAKEN, "taken_at": DatabaseNow()}
    if is_fault_due(FaultKind.WRONG_AMOUNT):
        taken["amount_fen"] = F("amount_fen") + chance.choice([1, 100, 10_000])
    SandboxTrade.objects.filter(payment_id=payment_id).exclude(state=TradeState.TAKEN).update(**taken)
    return SandboxTrade.objects.filter(payment_id=payment_id).first()


def fail_attempt(*, payment_id: int) -> SandboxTrade | None:
    """Lets an attempt to pay fail; the shopper may try again. Raises TradeRefused when it is paid or closed."""
    SandboxTrade.objects.filter(payment_id=payment_id, state=TradeState.OPEN).update(state=TradeState.FAILED)
    trade = SandboxTrade.objects.filter(payment_id=payment_id).first()
    if trade is not None and trade.state != TradeState.FAILED:
        raise TradeRefused
    return trade


def close_trade(*, payment_id: int) -> SandboxTrade | None:
    """Closes an unpaid trade and returns it as it is then: one that was paid first stays TAKEN."""
    fail_if_told(FaultKind.CLOSE_UNAVAILABLE)
    SandboxTrade.objects.filter(payment_id=payment_id, state__in=[TradeState.OPEN, TradeState.FAILED]).update(
        state=TradeState.CLOSED
    )
    fail_if_told(FaultKind.CLOSE_DONE_UNANSWERED)
    return SandboxTrade.objects.filter(payment_id=payment_id).first()


def refund_trade(*, payment_id: int, refund_no: str, amount_fen: int, trade_no: str = "") -> SandboxRefund:
    """Sends money back once a refund number; raises RefundRefused, and BankUnanswered as a fault tells it.

    Refused when `trade_no` is given and isn't the trade's: its money must not go for another one's.
    """
    fail_if_told(FaultKind.REFUND_UNAVAILABLE)
    if is_fault_due(FaultKind.REFUND_REFUSED):
        raise RefundRefused("the bank's limit for today is used up")
    is_slow = is_fault_due(FaultKind.REFUND_SLOW)
    refund = _book_refund(
        payment_id=payment_id, refund_no=refund_no, amount_fen=amount_fen, trade_no=trade_no, is_slow=is_slow
    )
    fail_if_told(FaultKind.REFUND_DONE_UNANSWERED)
    return refund


def find_refund(*, refund_no: str) -> SandboxRefund | None:
    """The refund as it is now; an accepted one is done when it is asked about."""
    fail_if_told(FaultKind.QUERY_UNAVAILABLE)
    SandboxRefund.objects.filter(refund_no=refund_no, refunded_at=None).update(refunded_at=DatabaseNow())
    return SandboxRefund.objects.filter(refund_no=refund_no).first()


def book_acknowledged_trade(
    *, payment_id: int, trade_no: str, amount_fen: int, currency: str, taken_at: datetime
) -> None:
    """Books a success that the shop acknowledged although no `pay/` call took it.

    Who holds the secret is the gateway: an engineer or a test that signs a notice itself has taken the money, so it
    belongs into the statement and can be refunded.
    """
    trade = SandboxTrade.objects.filter(payment_id=payment_id).first()
    if trade is None:
        SandboxTrade.objects.get_or_create(
            payment_id=payment_id, defaults={"trade_no": trade_no, "amount_fen": amount_fen, "currency": currency}
        )
    elif trade.state == TradeState.TAKEN:
        return
    SandboxTrade.objects.filter(payment_id=payment_id).exclude(state=TradeState.TAKEN).update(
        state=TradeState.TAKEN, trade_no=trade_no, taken_at=taken_at
    )


def _book_refund(*, payment_id: int, refund_no: str, amount_fen: int, trade_no: str, is_slow: bool) -> SandboxRefund:
    with transaction.atomic():
        # The trade's lock makes one of the same number sent twice at once wait for the other, and find its row.
        trade = SandboxTrade.objects.select_for_update().filter(payment_id=payment_id).first()
        known = SandboxRefund.objects.filter(refund_no=refund_no).first()
        if known is not None:
            if (known.payment_id, known.amount_fen) != (payment_id, amount_fen):
                raise RefundRefused("the refund number was used for another refund")
            return known
        covered = SandboxTrade.objects.filter(
            payment_id=payment_id, state=TradeState.TAKEN, refunded_fen__lte=F("amount_fen") - amount_fen
        )
        if trade is not None and trade_no not in {"", trade.trade_no}:
            raise RefundRefused("the trade has another number")
        if trade is None or covered.update(refunded_fen=F("refunded_fen") + amount_fen) != 1:
            raise RefundRefused("the trade wasn't paid, or less is left of it than is asked back")
        SandboxRefund.objects.create(
            refund_no=refund_no,
            gateway_refund_no=f"SBR{refund_no}",
            payment_id=payment_id,
            trade_no=trade.trade_no,
            amount_fen=amount_fen,
            refunded_at=None if is_slow else DatabaseNow(),
        )
        return SandboxRefund.objects.get(refund_no=refund_no)
