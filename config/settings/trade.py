"""Deadlines of orders and groups, and the rules of after-sale service."""

from config.env import env

# A payment made in time may still be on its way from the order's node to the group's: the group waits for it.
GROUP_EXPIRY_GRACE_SECONDS: float = env.float("GROUP_EXPIRY_GRACE_SECONDS", default=2.0)
# A notice sent in time may still be on its way: the order waits for it.
UNPAID_GRACE_SECONDS: float = env.float("UNPAID_GRACE_SECONDS", default=1.0)
# So much longer an order waits whose payment couldn't be closed at the gateway: it may be paid there. Then it is
# cancelled all the same; a payment that comes after that is late.
UNPAID_CLOSE_SECONDS: float = env.float("UNPAID_CLOSE_SECONDS", default=10.0)
# For so long a paid order without a place looks for another one, if its shopper wished for it; then it is refunded.
RESCUE_WITHIN_SECONDS: int = env.int("RESCUE_WITHIN_SECONDS", default=60)
# For so long a shopper who lost the seat and wished to buy alone can pay the surcharge; then all is refunded.
SURCHARGE_WITHIN_SECONDS: int = env.int("SURCHARGE_WITHIN_SECONDS", default=3600)
# Groups that an order may move through after its own; when the last of them fails, too, it is refunded.
RESCUES_AN_ORDER: int = env.int("RESCUES_AN_ORDER", default=2)
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

# Coupons that one order takes; of each kind one.
COUPONS_AN_ORDER: int = env.int("COUPONS_AN_ORDER", default=3)
