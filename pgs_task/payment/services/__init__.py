"""Business acts on payments and refunds."""

from pgs_task.payment.services.closing import CloseOutcome, CloseReport, close_open_payments, close_payment
from pgs_task.payment.services.missing_journal import write_missing_journal
from pgs_task.payment.services.notices import receive_notice, refuse_notice
from pgs_task.payment.services.queries import QueryReport, query_waiting_payments
from pgs_task.payment.services.refund_sending import process_due_refunds, send_refund
from pgs_task.payment.services.refunds import (
    RefundWish,
    request_partial_refund,
    request_refund,
    request_refunds,
    retry_refund,
)
from pgs_task.payment.services.starting import StartedPayment, start_payment

__all__ = [
    "CloseOutcome",
    "CloseReport",
    "QueryReport",
    "RefundWish",
    "StartedPayment",
    "close_open_payments",
    "close_payment",
    "process_due_refunds",
    "query_waiting_payments",
    "receive_notice",
    "refuse_notice",
    "request_partial_refund",
    "request_refund",
    "request_refunds",
    "retry_refund",
    "send_refund",
    "start_payment",
    "write_missing_journal",
]
