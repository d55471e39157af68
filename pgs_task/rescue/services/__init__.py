"""Business acts on paid orders without a place."""

from pgs_task.rescue.services.advancing import advance_rescues, end_overdue_surcharges
from pgs_task.rescue.services.buying_alone import end_bought_alone
from pgs_task.rescue.services.opening import lose_seats, open_late_rescues

__all__ = ["advance_rescues", "end_bought_alone", "end_overdue_surcharges", "lose_seats", "open_late_rescues"]
