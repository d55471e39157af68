"""What the outbox says about payments."""

from enum import StrEnum


class PaymentTopic(StrEnum):
    LATE = "payment.late"  # paid after the order's cancellation, and its shopper wished for another try
