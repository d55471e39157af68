"""A gateway's notice against what ends its order or its group, within ±50 ms: money, order, seat and stock agree.

Everything is real but the processes: admission, drain, gateway, signed notices, messages, refunds, shipping. At the
end every invariant is checked, over all rounds together.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pytest

from pgs_data.clock import database_now, to_ms
from pgs_data.sharding.slots import alias_of_id
from pgs_task.handlers.tests.making import deliver_all, waiting_messages
from pgs_task.logistics.services import make_consumer
from pgs_task.order_drain.tests.making import drain
from pgs_task.payment.models import Payment
from pgs_task.payment.services import process_due_refunds
from pgs_task.payment.tests.making import describe_notice, fresh, refunds_of, send, start, take_at_gateway
from pgs_task.reconciliation.runner import run_checks
from pgs_task.routes import ROUTES
from pgs_task.stock_sync.services import sync_stocks
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.models import Group, GroupLog
from pgs_web.trade.group.services import fail_expired_groups
from pgs_web.trade.group.tests.in_ledger import change_group
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.errors import WrongState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_own_order
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale
from tests.races.meeting import meet_with_delays

ROUNDS = 200
WINDOW_SECONDS = 0.05
# Groups that end at the same moment, each with a notice of its own.
TOGETHER = 4
# There is one relay a node at a time.
_relay = threading.Lock()
# Of the next member: another slot, so that orders and groups are on all nodes.
MEMBER_STEP = 10
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


def place(activity: Activity, *, members: Sequence[int], join: Sequence[int] = ()) -> list[Order]:
    """Orders of the members, admitted and written down; they open groups, or join these."""
    admissions = [
        make_admission(activity, member_id=member, join=join[place] if join else None)
        for place, member in enumerate(members)
    ]
    assert all(verdict.hold is not None for verdict in admit(*admissions))
    drain(activity)
    return [Order.objects.get(pk=admission.order_id) for admission in admissions]


def notify(payment: Payment) -> None:
    """The shopper pays, and the gateway tells it."""
    trade = take_at_gateway(payment)
    send(describe_notice(payment, trade_no=trade.trade_no))


def settle() -> None:
    """Everything that follows is done, as relay, workers and logistics do it."""
    for _ in range(20):
        deliver_all(dict(ROUTES))
        ended = process_due_refunds()
        if not ended and not waiting_messages():
            break
    logistics = make_consumer(block_ms=1)
    idle_reads = 0
    while idle_reads < 2:
        idle_reads = 0 if logistics.run_once() else idle_reads + 1
    deliver_all(dict(ROUTES))
    assert waiting_messages() == []
    sync_stocks()


def offenders() -> dict[str, list[str]]:
    """Every invariant that doesn't hold, with examples."""
    return {verdict.check.id: verdict.offenders for verdict in run_checks() if not verdict.is_ok}


def judge(order: Order, payment: Payment | None) -> str:
    """After everything has settled: the order's state, if the money agrees with it."""
    order.refresh_from_db()
    money = None
    if payment is not None:
        refunds = refunds_of(payment)
        taken = fresh(payment)
        money = (taken.state, taken.refunded_fen, [refund.state for refund in refunds])
    expected = {
        # The shop has the money exactly for what it ships.
        OrderState.SHIPPED: [("SUCCEEDED", 0, [])],
        OrderState.REFUNDED: [("REFUNDED", order.amount_fen, ["SUCCEEDED"])],
        # Its money came late and went back, or it was never paid.
        OrderState.CANCELLED: [("REFUNDED", order.amount_fen, ["SUCCEEDED"]), None],
    }[OrderState(order.state)]
    assert money in expected, f"{order.state}: {money}"
    return order.state


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


def move_deadline(activity: Activity, order: Order, *, seconds: float) -> Group:
    """Lets the order's group end so soon, in the database and in the ledger, as if it had been opened earlier."""
    deadline = database_now(alias_of_id(order.group_id)) + timedelta(seconds=seconds)
    Group.objects.filter(pk=order.group_id).update(deadline=deadline)
    change_group(activity.pk, order.group_id, deadline_ms=to_ms(deadline))
    return Group.objects.get(pk=order.group_id)


def notify_and_relay(payment: Payment) -> None:
    notify(payment)
    with _relay:
        deliver_all(dict(ROUTES))


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
