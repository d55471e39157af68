"""Deadlines of orders and groups."""

from config.env import env

# A payment made in time may still be on its way from the order's node to the group's: the group waits for it.
GROUP_EXPIRY_GRACE_SECONDS: float = env.float("GROUP_EXPIRY_GRACE_SECONDS", default=2.0)
# A notice sent in time may still be on its way: the order waits for it.
UNPAID_GRACE_SECONDS: float = env.float("UNPAID_GRACE_SECONDS", default=1.0)
# By then a shopper has the money back, or invariant O7 calls somebody.
REFUND_WITHIN_SECONDS: int = env.int("REFUND_WITHIN_SECONDS", default=86_400)
