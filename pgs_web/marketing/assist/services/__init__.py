"""Assist groups are started, helped, bought, given up, end by the clock, and are settled with units and coupons."""

from pgs_web.marketing.assist.services.buying import buy_round
from pgs_web.marketing.assist.services.ending import end_overdue_rounds, give_up
from pgs_web.marketing.assist.services.helping import help_round
from pgs_web.marketing.assist.services.rewarding import campaigns_of_rewards, issue_rewards
from pgs_web.marketing.assist.services.settling import settle_due_rounds, settle_orders
from pgs_web.marketing.assist.services.starting import start_round
from pgs_web.marketing.assist.services.units import return_units

__all__ = [
    "buy_round",
    "campaigns_of_rewards",
    "end_overdue_rounds",
    "give_up",
    "help_round",
    "issue_rewards",
    "return_units",
    "settle_due_rounds",
    "settle_orders",
    "start_round",
]
