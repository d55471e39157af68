"""Business acts on paid orders without a place."""

from pgs_task.rescue.services.advancing import advance_rescues
from pgs_task.rescue.services.opening import lose_seats, open_late_rescues

__all__ = ["advance_rescues", "lose_seats", "open_late_rescues"]
