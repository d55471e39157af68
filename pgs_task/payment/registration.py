"""Tells the order room, which lies below, how to know what became of an order's money."""

from pgs_task.payment.selectors import has_payment, read_money_of_order
from pgs_web.trade.order.money import register_money_reader, register_payment_finder

register_money_reader(read_money_of_order)
register_payment_finder(has_payment)
