"""A payment against what ends its order or group, within ±50 ms: one consistent outcome, whoever wins."""

import random
import time
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_task.handlers.tests.making import deliver_all, hold_states, load_ledger, stock_now, waiting_messages
from pgs_task.handlers.tests.test_handlers import WITHOUT_PAYMENT
from pgs_web.trade.group.models import GroupLog
from pgs_web.trade.group.services import PaidSeat, count_paid_seats, fail_expired_groups
from pgs_web.trade.order.errors import WrongState
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.services import cancel_own_order, cancel_unpaid_orders, mark_paid
from pgs_web.trade.order.tests.making import make_group_of_orders, make_order
from pgs_web.trade.stock.models import Movement, StockEntry
from tests.races.meeting import meet, meet_with_delays

ROUNDS = 200
ACTIVITY = 7001
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def pay(order: Order) -> bool:
    return mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))


def delays() -> tuple[float, float]:
    """Two starts up to 50 ms apart, and often at once."""
    return (random.choice((0.0, random.uniform(0, 0.05))), random.choice((0.0, random.uniform(0, 0.05))))


def judge_movements(order: Order, *, last: Movement) -> None:
    movements = StockEntry.objects.filter(order_id=order.pk).order_by("pk").values_list("movement", flat=True)
    assert list(movements) == [Movement.RESERVE, last]


def test_cancelled_by_its_member():
    outcomes: Counter[str] = Counter()

    def cancel(order: Order) -> bool:
        try:
            cancel_own_order(member_id=order.member_id, order_id=order.pk)
        except WrongState:
            return False
        return True

    for _ in range(ROUNDS):
        order = make_order()
        first, second = delays()
        paid, cancelled = meet_with_delays([(partial(pay, order), first), (partial(cancel, order), second)])
        assert paid != cancelled, "exactly one of them wins"
        order.refresh_from_db()
        assert (order.state, order.log_count) == ("TO_SHIP" if paid else "CANCELLED", 3)
        assert OrderLog.objects.filter(order_id=order.pk).count() == 3
        judge_movements(order, last=Movement.CONFIRM if paid else Movement.RELEASE)
        outcomes[order.state] += 1
    assert min(outcomes["TO_SHIP"], outcomes["CANCELLED"]) > ROUNDS // 20, f"no race took place: {outcomes}"


def test_cancelled_by_the_clock(settings):
    settings.UNPAID_GRACE_SECONDS = 0
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        order = make_order(pay_within=timedelta(milliseconds=25))
        first, second = delays()
        paid, cancelled = meet_with_delays([(partial(pay, order), first), (cancel_unpaid_orders, second)])
        order.refresh_from_db()
        if not paid and not cancelled:
            raise AssertionError("nobody paid and the clock did not see it")
        if paid:
            assert (order.state, cancelled) == ("TO_SHIP", 0)
        else:
            assert (order.state, order.reason, cancelled) == ("CANCELLED", "unpaid", 1)
        judge_movements(order, last=Movement.CONFIRM if paid else Movement.RELEASE)
        outcomes[order.state] += 1
    assert min(outcomes["TO_SHIP"], outcomes["CANCELLED"]) > 0, f"no race took place: {outcomes}"


@pytest.mark.timeout(900)
def test_the_groups_deadline(settings):
    """The last member pays when the group ends: it succeeds with everybody, or everybody gets the money back."""
    settings.GROUP_EXPIRY_GRACE_SECONDS = 0
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS):
        made = make_group_of_orders(size=2, lasts=timedelta(milliseconds=120))
        load_ledger(activity_id=ACTIVITY, orders=made.orders, groups=[made.group])
        early, late = made.orders
        assert pay(early)
        wait = (made.group.deadline - database_now(alias_of_id(made.group.pk))).total_seconds()
        time.sleep(max(wait - 0.05, 0))
        meet_with_delays(
            [
                (partial(pay_and_relay, late), random.uniform(0, 0.1)),
                (fail_expired_groups, random.uniform(0, 0.1)),
            ]
        )
        while made.group.state == "FORMING":
            fail_expired_groups()
            deliver_all(WITHOUT_PAYMENT)
            made.group.refresh_from_db()
        deliver_all(WITHOUT_PAYMENT)
        assert waiting_messages() == []
        for row in (made.group, early, late, *made.seats):
            row.refresh_from_db()
        stock = stock_now(ACTIVITY)
        if made.group.state == "SUCCEEDED":
            assert (early.state, late.state) == ("TO_SHIP", "TO_SHIP")
            assert hold_states(ACTIVITY, made.orders) == ["S", "S"]
            assert (stock.sold, stock.lock) == (2, 0)
        else:
            assert (made.group.state, early.state) == ("SETTLED", "REFUNDED")
            assert late.state in {"REFUNDED", "CANCELLED"}
            assert hold_states(ACTIVITY, made.orders) == ["R", "R"]
            assert stock.remain == stock.total
        decided = GroupLog.objects.filter(group_id=made.group.pk, to_state__in=["SUCCEEDED", "FAILED"])
        assert decided.count() == 1, "never both"
        outcomes[made.group.state] += 1
    assert min(outcomes["SUCCEEDED"], outcomes["SETTLED"]) > 0, f"no race took place: {outcomes}"


def pay_and_relay(order: Order) -> None:
    pay(order)
    deliver_all(WITHOUT_PAYMENT)


def test_the_seat_of_the_last_payer_against_the_failure():
    """The decisive UPDATE against the failing one, without any clock."""
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS // 4):
        made = make_group_of_orders(size=1, lasts=timedelta(seconds=-10))
        seat = PaidSeat(
            group_id=made.group.pk, order_id=made.orders[0].pk, paid_at=made.group.deadline - timedelta(seconds=1)
        )
        report, _ = meet(partial(count_paid_seats, payments=[seat]), fail_expired_groups)
        made.group.refresh_from_db()
        made.seats[0].refresh_from_db()
        if report.refused:
            assert (made.group.state, made.seats[0].state, made.group.paid_count) == ("FAILED", "HELD", 0)
        else:
            assert (made.group.state, made.seats[0].state, made.group.paid_count) == ("SUCCEEDED", "CONFIRMED", 1)
        assert GroupLog.objects.filter(group_id=made.group.pk).count() == 2
        outcomes[made.group.state] += 1
    assert len(outcomes) == 2, f"no race took place: {outcomes}"
