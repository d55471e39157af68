"""Deadlines of orders and groups, and the rules of after-sale service."""

from config.env import env

# A payment made in time may still be on its way from the order's node to the group's: the group waits for it.
GROUP_EXPIRY_GRACE_SECONDS: float = env.float("GROUP_EXPIRY_GRACE_SECONDS", default=2.0)
# A notice sent in time may still be on its way: the order waits for it.
UNPAID_GRACE_SECONDS: float = env.float("UNPAID_GRACE_SECONDS", default=1.0)
# By then a shopper has the money back, or invariant O7 calls somebody.
REFUND_WITHIN_SECONDS: int = env.int("REFUND_WITHIN_SECONDS", default=86_400)

# After it has confirmed receipt a shopper can ask for money back for so long; before that, always.
AFTER_SALE_WINDOW_SECONDS: int = env.int("AFTER_SALE_WINDOW_SECONDS", default=7 * 86_400)
# Until then each decision about a request is promised.
AFTER_SALE_DECIDE_SECONDS: int = env.int("AFTER_SALE_DECIDE_SECONDS", default=2 * 86_400)
# Goods that weren't sent back by then end the request.
AFTER_SALE_RETURN_SECONDS: int = env.int("AFTER_SALE_RETURN_SECONDS", default=7 * 86_400)
# Above this amount, in fen, two people have to agree.
AFTER_SALE_TWO_PERSONS_FEN: int = env.int("AFTER_SALE_TWO_PERSONS_FEN", default=50_000)
