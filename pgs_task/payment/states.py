"""States of payments and refunds and the moves between them."""

from enum import StrEnum


class PaymentState(StrEnum):
    WAITING = "WAITING"  # the shopper has not paid yet
    SUCCEEDED = "SUCCEEDED"  # the gateway has the money
    CLOSED = "CLOSED"  # can't be paid any more
    LATE = "LATE"  # paid after it was closed; the money goes back
    REFUNDED = "REFUNDED"  # all of it went back


class RefundState(StrEnum):
    WAITING = "WAITING"  # to be sent to the gateway
    PROCESSING = "PROCESSING"  # the gateway was asked; its answer is not known yet
    SUCCEEDED = "SUCCEEDED"  # the shopper has the money
    FAILED = "FAILED"  # the gateway said no; will be tried again
    MANUAL = "MANUAL"  # tried often enough; a person decides


PAYMENT_MOVES: dict[PaymentState, frozenset[PaymentState]] = {
    PaymentState.WAITING: frozenset({PaymentState.SUCCEEDED, PaymentState.CLOSED, PaymentState.LATE}),
    PaymentState.CLOSED: frozenset({PaymentState.LATE}),
    PaymentState.SUCCEEDED: frozenset({PaymentState.REFUNDED}),
    PaymentState.LATE: frozenset({PaymentState.REFUNDED}),
    PaymentState.REFUNDED: frozenset(),
}
REFUND_MOVES: dict[RefundState, frozenset[RefundState]] = {
    RefundState.WAITING: frozenset({RefundState.PROCESSING, RefundState.MANUAL}),
    RefundState.PROCESSING: frozenset({RefundState.SUCCEEDED, RefundState.FAILED, RefundState.MANUAL}),
    RefundState.FAILED: frozenset({RefundState.PROCESSING, RefundState.MANUAL}),
    RefundState.MANUAL: frozenset({RefundState.PROCESSING}),
    RefundState.SUCCEEDED: frozenset(),
}
