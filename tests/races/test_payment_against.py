"""A payment against what ends its order or group, within ±50 ms: one consistent outcome, whoever wins."""

import random
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.trade.group.models import GroupLog
from pgs_web.trade.group.services import PaidSeat, count_paid_seats, fail_expired_groups
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_unpaid_orders, mark_paid
from pgs_web.trade.order.tests.making import make_group_of_orders, make_order
from pgs_web.trade.stock.models import Movement, StockEntry
from tests.races.meeting import meet, meet_with_delays, rounds

ROUNDS = rounds(100)
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def pay(order: Order) -> bool:
    return mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))


def delays() -> tuple[float, float]:
    """Two starts up to 50 ms apart, and often at once."""
    return (random.choice((0.0, random.uniform(0, 0.05))), random.choice((0.0, random.uniform(0, 0.05))))


def judge_movements(order: Order, *, last: Movement) -> None:
    movements = StockEntry.objects.filter(order_id=order.pk).order_by("pk").values_list("movement", flat=True)
    assert list(movements) == [Movement.RESERVE, last]


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


def test_the_seat_of_the_last_payer_against_the_failure():
    """The decisive UPDATE against the failing one, without any clock."""
    outcomes: Counter[str] = Counter()
    for _ in range(ROUNDS // 2):
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
