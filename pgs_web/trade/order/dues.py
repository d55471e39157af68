"""What a shopper has to pay for an order at the moment: the order itself, or the surcharge for buying alone."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.states import OrderState


class DuePurpose(StrEnum):
    ORDER = "order"  # the order as it was placed
    SURCHARGE = "surcharge"  # what buying alone costs more, after the seat was lost


class SurchargeState(StrEnum):
    WAITING = "waiting"  # to be paid until pay_before
    PAID = "paid"  # the order is bought alone
    LAPSED = "lapsed"  # not paid in time, or the money was asked back: all of it goes back


@dataclass(frozen=True, kw_only=True)
class Due:
    purpose: DuePurpose
    amount_fen: int
    pay_by: datetime


@dataclass(frozen=True, kw_only=True)
class Surcharge:
    """`pay_before` while it is waited for."""

    amount_fen: int
    pay_before: datetime | None
    state: SurchargeState


def due_of(order: Order) -> Due | None:
    """What is to be paid and until when; None when there is nothing. The deadline may be over."""
    if order.state == OrderState.UNPAID:
        return Due(purpose=DuePurpose.ORDER, amount_fen=order.amount_fen, pay_by=order.pay_by)
    surcharge = surcharge_of(order)
    if surcharge is None or surcharge.pay_before is None:
        return None
    return Due(purpose=DuePurpose.SURCHARGE, amount_fen=surcharge.amount_fen, pay_by=surcharge.pay_before)


def surcharge_of(order: Order) -> Surcharge | None:
    """What was asked for and what became of it; None when the order was never asked for anything more."""
    if not order.surcharge_fen:
        return None
    if order.mode == OrderMode.ALONE:
        state = SurchargeState.PAID
    elif order.state == OrderState.AWAITING_GROUP and order.decide_by is not None:
        state = SurchargeState.WAITING
    else:
        state = SurchargeState.LAPSED
    pay_before = order.decide_by if state is SurchargeState.WAITING else None
    return Surcharge(amount_fen=order.surcharge_fen, pay_before=pay_before, state=state)
