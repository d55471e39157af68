"""Business acts on after-sale requests; every one of them goes through the door of the state."""

from pgs_web.trade.after_sale.services.asking import (
    RequestWish,
    ask_for_member,
    ask_for_refund,
    take_back_request,
    tell_parcel,
)
from pgs_web.trade.after_sale.services.deciding import approve_request, receive_goods, refuse_request
from pgs_web.trade.after_sale.services.ending import cancel_overdue_returns, finish_request
from pgs_web.trade.after_sale.services.granting import grant_refund

__all__ = [
    "RequestWish",
    "approve_request",
    "ask_for_member",
    "ask_for_refund",
    "cancel_overdue_returns",
    "finish_request",
    "grant_refund",
    "receive_goods",
    "refuse_request",
    "take_back_request",
    "tell_parcel",
]
