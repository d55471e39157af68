"""States of payments, notices and refunds and the moves between them."""

from enum import StrEnum


class PaymentState(StrEnum):
    WAITING = "WAITING"  # the shopper has not paid yet
    SUCCEEDED = "SUCCEEDED"  # the gateway has the money
    CLOSED = "CLOSED"  # can't be paid any more
    LATE = "LATE"  # paid when the order could not be paid any more; the money goes back, or the order is taken up again
    REFUNDED = "REFUNDED"  # all of it went back


class RefundState(StrEnum):
    WAITING = "WAITING"  # to be sent to the gateway
    PROCESSING = "PROCESSING"  # the gateway was asked; its answer is not known yet
    SUCCEEDED = "SUCCEEDED"  # the shopper has the money
    FAILED = "FAILED"  # the gateway said no; will be tried again
    MANUAL = "MANUAL"  # tried often enough; a person decides


class NoticeStatus(StrEnum):
    """What a gateway says about a trade."""

    SUCCESS = "SUCCESS"  # it has the money
    FAIL = "FAIL"  # this attempt failed; the shopper may try again
    CLOSED = "CLOSED"  # it will take no money for it any more


class NoticeOutcome(StrEnum):
    """What a notice did here."""

    PAID = "paid"  # the order is paid
    LATE = "late"  # the money came too late and goes back
    FAILED = "failed"  # an attempt failed; the payment stays open
    CLOSED = "closed"  # the payment is closed
    DUPLICATE = "duplicate"  # told again what was known
    IGNORED = "ignored"  # a failure or closure of what was decided before
    WRONG_AMOUNT = "anomaly_amount"  # another amount or currency: nothing is paid, somebody is called
    SECOND_TRADE = "anomaly_second_trade"  # a paid payment paid by another trade: nothing changes, somebody is called


class CallKind(StrEnum):
    """What a gateway was asked."""

    QUERY = "query"  # is it paid?
    CLOSE = "close"  # take no money for it any more
    REFUND = "refund"  # send money back
    QUERY_REFUND = "query_refund"  # is the money back?


PAYMENT_MOVES: dict[PaymentState, frozenset[PaymentState]] = {
    PaymentState.WAITING: frozenset({PaymentState.SUCCEEDED, PaymentState.CLOSED, PaymentState.LATE}),
    PaymentState.CLOSED: frozenset({PaymentState.LATE}),
    PaymentState.SUCCEEDED: frozenset({PaymentState.REFUNDED}),
    PaymentState.LATE: frozenset({PaymentState.SUCCEEDED, PaymentState.REFUNDED}),
    PaymentState.REFUNDED: frozenset(),
}
REFUND_MOVES: dict[RefundState, frozenset[RefundState]] = {
    RefundState.WAITING: frozenset({RefundState.PROCESSING, RefundState.MANUAL}),
    RefundState.PROCESSING: frozenset({RefundState.SUCCEEDED, RefundState.FAILED, RefundState.MANUAL}),
    RefundState.FAILED: frozenset({RefundState.PROCESSING, RefundState.MANUAL}),
    # SUCCEEDED: paid outside of the gateway, which two people vouch for.
    RefundState.MANUAL: frozenset({RefundState.PROCESSING, RefundState.SUCCEEDED}),
    RefundState.SUCCEEDED: frozenset(),
}
# Where a refund went that no gateway did.
BY_HAND = "by_hand"
# The gateway has, or had, the money.
TAKEN = frozenset({PaymentState.SUCCEEDED, PaymentState.LATE, PaymentState.REFUNDED})
# Refunds that somebody still has to send or ask about.
UNFINISHED_REFUNDS = frozenset({RefundState.WAITING, RefundState.PROCESSING, RefundState.FAILED})
ANOMALIES = frozenset({NoticeOutcome.WRONG_AMOUNT, NoticeOutcome.SECOND_TRADE})
