"""Business acts on payments and refunds."""

from pgs_task.payment.services.anomaly_tracing import explain_anomaly, refund_anomaly, trace_again, trace_anomalies
from pgs_task.payment.services.by_hand import claim_paid_by_hand, confirm_paid_by_hand
from pgs_task.payment.services.closing import CloseOutcome, CloseReport, close_open_payments, close_payment
from pgs_task.payment.services.late import accept_late_payment, return_late_payment
from pgs_task.payment.services.missing_journal import write_missing_journal
from pgs_task.payment.services.notices import receive_notice, refuse_notice
from pgs_task.payment.services.queries import NEVER, QueryReport, query_waiting_payments
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
    "NEVER",
    "CloseOutcome",
    "CloseReport",
    "QueryReport",
    "RefundWish",
    "StartedPayment",
    "accept_late_payment",
    "claim_paid_by_hand",
    "close_open_payments",
    "close_payment",
    "confirm_paid_by_hand",
    "explain_anomaly",
    "process_due_refunds",
    "query_waiting_payments",
    "receive_notice",
    "refund_anomaly",
    "refuse_notice",
    "request_partial_refund",
    "request_refund",
    "request_refunds",
    "retry_refund",
    "return_late_payment",
    "send_refund",
    "start_payment",
    "trace_again",
    "trace_anomalies",
    "write_missing_journal",
]
