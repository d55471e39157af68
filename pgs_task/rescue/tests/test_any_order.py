"""Whatever the relay's order and repetitions, and whatever shoppers, gateway and clock do in between: all adds up."""

import contextlib
import random
from dataclasses import dataclass, field

import pytest

from pgs_task.handlers.tests.making import deliver, waiting_messages
from pgs_task.payment.errors import PayByPassed
from pgs_task.payment.services import process_due_refunds
from pgs_task.payment.tests.making import pay, start
from pgs_task.reconciliation.tests.making import broken
from pgs_task.rescue.services import advance_rescues
from pgs_task.rescue.tests.making import (
    LatePayment,
    fail_if_forming,
    make_late_payment,
    make_rescues_due,
    pay_order,
    place,
    settle,
)
from pgs_task.routes import ROUTES
from pgs_web.trade.order.errors import WrongState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import request_refund
from pgs_web.trade.order.wishes import OnLatePayment, OnLostSeat, Wishes
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow, pytest.mark.real]
STORIES = 6
VERBS = ["pay", "cancel", "arrive", "arrive", "fail", "fail", "advance", "too late", "ask", "pay more"]


@dataclass
class Story:
    """Two groups of two seats."""

    orders: list[Order]
    late: dict[int, LatePayment] = field(default_factory=dict)

    def do(self, verb: str, place: int) -> None:
        order = self.orders[place]
        order.refresh_from_db()
        if verb == "pay" and order.state == "UNPAID":
            pay_order(order)
        elif verb == "cancel" and order.state == "UNPAID":
            self.late[order.pk] = make_late_payment(order, relayed=False)
        elif verb == "arrive" and order.pk in self.late:
            self.late[order.pk].arrive()
        elif verb == "fail" and order.group_id is not None:
            fail_if_forming(order.group_id)
        elif verb in {"advance", "too late"}:
            make_rescues_due(overdue=verb == "too late")
            advance_rescues()
            process_due_refunds()
        elif verb == "ask":
            with contextlib.suppress(WrongState):
                request_refund(member_id=order.member_id, order_id=order.pk)
        elif verb == "pay more":
            with contextlib.suppress(WrongState, PayByPassed):
                pay(start(order))


def begin(wishes: list[Wishes]) -> Story:
    activity = make_sale(stock=4, group_size=2, member_limit=2, alone_price_fen=1400)
    leaders = [place(activity, member_id=member, wishes=wish) for member, wish in zip((1, 501), wishes, strict=False)]
    joiners = [
        place(activity, member_id=member, wishes=wish, join=leader.group_id)
        for member, leader, wish in zip((251, 511), leaders, wishes[2:], strict=True)
    ]
    return Story([*leaders, *joiners])


@pytest.mark.parametrize("seed", range(STORIES))
def test_acts_between_deliveries_end_consistently(seed):
    dice = random.Random(seed)
    story = begin([Wishes(OnLatePayment.RETRY, dice.choice(list(OnLostSeat))) for _ in range(4)])
    done = []
    for _act in range(dice.randint(4, 16)):
        done.append((dice.choice(VERBS), dice.randrange(4)))
        story.do(*done[-1])
        for _delivery in range(dice.randint(0, 4)):
            if waiting := waiting_messages():
                # The relay dies after the effect now and then.
                deliver(dice.choice(waiting), dict(ROUTES), keep=dice.random() < 0.3)
    for late in story.late.values():
        late.arrive()
    settle()
    assert broken() == {}, done
