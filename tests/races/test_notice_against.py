"""A gateway's notice against what ends its order or its group, within ±50 ms: money, order, seat and stock agree.

Everything is real but the processes: admission, drain, gateway, signed notices, messages, refunds, shipping. At the
end every invariant is checked, over all rounds together.
"""

import random
import time
from collections import Counter
from functools import partial

import pytest

from pgs_task.handlers.tests.making import deliver_all
from pgs_task.payment.tests.making import start
from pgs_task.routes import ROUTES
from pgs_web.trade.group.models import Group, GroupLog
from pgs_web.trade.group.services import fail_expired_groups
from pgs_web.trade.order.errors import WrongState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_own_order
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale
from tests.races.meeting import meet_with_delays, rounds
from tests.races.paid_orders import (
    MEMBER_STEP,
    judge,
    move_deadline,
    notify,
    notify_and_relay,
    offenders,
    place,
    settle,
)

ROUNDS = rounds(40)
WINDOW_SECONDS = 0.05
# Groups that end at the same moment, each with a notice of its own.
TOGETHER = 4
pytestmark = [
    pytest.mark.django_db(databases="__all__", transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]


class Lead:
    """How much earlier the notice starts, so that on any machine, however slow, both sides win about as often.

    The notice has more to write than its rival; without a lead a slow disk would decide all races the same way.
    """

    STEP_SECONDS = 0.01
    LONGEST_SECONDS = 2.0

    def __init__(self) -> None:
        self.seconds = 0.0

    def learn(self, *, notice_won: bool) -> None:
        step = -self.STEP_SECONDS if notice_won else self.STEP_SECONDS
        self.seconds = min(max(self.seconds + step, 0.0), self.LONGEST_SECONDS)


def test_cancelled_by_its_member() -> None:
    activity = make_sale(stock=1000, group_size=1)
    orders = place(activity, members=range(MEMBER_STEP, MEMBER_STEP * (ROUNDS + 1), MEMBER_STEP))
    payments = [start(order) for order in orders]
    outcomes: Counter[str] = Counter()

    def cancel(order: Order) -> bool:
        try:
            cancel_own_order(member_id=order.member_id, order_id=order.pk)
        except WrongState:
            return False
        return True

    won = []
    lead = Lead()
    for order, payment in zip(orders, payments, strict=True):
        # Either up to 50 ms before the other; every third time both at once.
        first, second = random.choice([(0.0, 0.0), (0.0, WINDOW_SECONDS), (WINDOW_SECONDS, 0.0)])
        _, cancelled = meet_with_delays(
            [
                (partial(notify, payment), random.uniform(0, first)),
                (partial(cancel, order), lead.seconds + random.uniform(0, second)),
            ]
        )
        lead.learn(notice_won=not cancelled)
        won.append(cancelled)
    settle()

    for order, payment, cancelled in zip(orders, payments, won, strict=True):
        assert judge(order, payment) == (OrderState.CANCELLED if cancelled else OrderState.SHIPPED)
        outcomes[order.state] += 1
    assert outcomes.total() == ROUNDS
    assert min(outcomes["SHIPPED"], outcomes["CANCELLED"]) > ROUNDS // 20, f"no race took place: {outcomes}"
    stock = read_stock(activity.pk)
    assert (stock.sold, stock.lock) == (outcomes["SHIPPED"], 0)
    assert offenders() == {}


def test_the_deadline_of_its_group(settings) -> None:
    """The last member pays when the group ends: it succeeds with everybody, or everybody gets the money back."""
    settings.GROUP_EXPIRY_GRACE_SECONDS = 0
    activity = make_sale(stock=1000, group_size=2)
    numbers = range(1, ROUNDS + 1)
    early = place(activity, members=[number * MEMBER_STEP for number in numbers])
    # On another node than the leaders.
    late = place(
        activity,
        members=[(number + 21) * MEMBER_STEP + 1 for number in numbers],
        join=[order.group_id for order in early],
    )
    payments = [(start(leader), start(friend)) for leader, friend in zip(early, late, strict=True)]
    for of_leader, _ in payments:
        notify(of_leader)
    deliver_all(dict(ROUTES))
    outcomes: Counter[str] = Counter()

    lead = Lead()
    for first in range(0, ROUNDS, TOGETHER):
        until_end = 1.5 * WINDOW_SECONDS + lead.seconds
        groups = [move_deadline(activity, order, seconds=until_end) for order in late[first:][:TOGETHER]]
        meet_with_delays(
            [
                (fail_expired_groups, until_end + random.uniform(0, 1) * WINDOW_SECONDS),
                *(
                    (partial(notify_and_relay, of_friend), random.uniform(0.5, 2.5) * WINDOW_SECONDS)
                    for _, of_friend in payments[first:][:TOGETHER]
                ),
            ]
        )
        for group in groups:
            group.refresh_from_db()
            while group.state == "FORMING":
                fail_expired_groups()
                group.refresh_from_db()
            lead.learn(notice_won=group.state == "SUCCEEDED")
    settle()

    for leader, order, (of_leader, of_friend) in zip(early, late, payments, strict=True):
        states = (judge(leader, of_leader), judge(order, of_friend))
        group = Group.objects.get(pk=order.group_id)
        if group.state == "SUCCEEDED":
            assert states == ("SHIPPED", "SHIPPED")
        else:
            assert group.state == "SETTLED"
            assert states in {("REFUNDED", "REFUNDED"), ("REFUNDED", "CANCELLED")}
        decided = GroupLog.objects.filter(group_id=group.pk, to_state__in=["SUCCEEDED", "FAILED"])
        assert decided.count() == 1, "never both"
        outcomes[group.state] += 1
    assert outcomes.total() == ROUNDS
    assert min(outcomes["SUCCEEDED"], outcomes["SETTLED"]) > ROUNDS // 20, f"no race took place: {outcomes}"
    stock = read_stock(activity.pk)
    assert (stock.sold, stock.lock) == (2 * outcomes["SUCCEEDED"], 0)
    assert offenders() == {}


def test_the_judges_see_a_cancellation_that_reads_first() -> None:
    """The negative control: the naive cancellation reads UNPAID, the notice comes, and it writes what it decided."""
    activity = make_sale(stock=10, group_size=1)
    (order,) = place(activity, members=[MEMBER_STEP])
    payment = start(order)
    assert order.state == OrderState.UNPAID
    notify(payment)
    Order.objects.filter(pk=order.pk).update(state=OrderState.CANCELLED)
    settle()
    with pytest.raises(AssertionError, match="CANCELLED"):
        judge(order, payment)
    assert offenders().keys() >= {"M1", "O5"}


def test_the_judges_see_a_group_that_fails_without_looking(settings) -> None:
    """The negative control: the naive deadline reads FORMING, the last seat is paid, and it writes FAILED."""
    settings.GROUP_EXPIRY_GRACE_SECONDS = 0
    activity = make_sale(stock=10, group_size=1)
    (order,) = place(activity, members=[MEMBER_STEP])
    payment = start(order)
    group = Group.objects.get(pk=order.group_id)
    assert group.state == "FORMING"
    notify_and_relay(payment)
    time.sleep(0.01)
    Group.objects.filter(pk=group.pk).update(state="FAILED")
    settle()
    assert offenders().keys() & {"G2", "G3", "G4"}
