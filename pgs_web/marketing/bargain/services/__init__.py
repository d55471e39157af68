"""Bargains are started, helped, bought, given up, and end by the clock."""

from pgs_web.marketing.bargain.services.ending import buy_early, end_overdue_rounds, give_up
from pgs_web.marketing.bargain.services.helping import help_round
from pgs_web.marketing.bargain.services.starting import start_round

__all__ = ["buy_early", "end_overdue_rounds", "give_up", "help_round", "start_round"]
