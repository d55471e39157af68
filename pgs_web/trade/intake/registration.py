"""Tells the order room, which lies below, how to know an order that isn't in its database yet."""

from pgs_web.trade.intake.selectors import is_waiting_in_stream
from pgs_web.trade.order.selectors import register_unwritten_reader

register_unwritten_reader(is_waiting_in_stream)
