"""Workers that complete groups of one activity at the same moment never spend more than its cap."""

import threading
from functools import partial

import pytest

from pgs_data.ids.snowflake import new_id
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.models import Guarantee
from pgs_web.trade.group.services.guaranteeing import Lack, reserve_seats
from pgs_web.trade.stock.tests.making import make_sale
from tests.races.meeting import meet

ROUNDS, WORKERS, PRICE = 10, 4, 990
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def make_activity(*, cap: int) -> Activity:
    return make_sale(price_fen=PRICE, group_size=3, guaranteed_seats=2, guarantee_cap_fen=cap)


def make_lack(activity: Activity) -> Lack:
    return Lack(group_id=new_id(slot=0), activity_id=activity.pk, seats=1, price_fen=PRICE)


def test_the_cap_is_never_exceeded_and_what_fits_is_used():
    activity = make_activity(cap=ROUNDS * 2 * PRICE)
    for _ in range(ROUNDS):
        before = Guarantee.objects.count()
        meet(*[partial(reserve_seats, [make_lack(activity)]) for _ in range(WORKERS)])
        assert Guarantee.objects.count() > before or before == ROUNDS * 2
        activity.refresh_from_db()
        assert activity.guarantee_used_fen == Guarantee.objects.count() * PRICE <= activity.guarantee_cap_fen
    assert activity.guarantee_used_fen == activity.guarantee_cap_fen


def test_one_group_that_two_workers_found_is_paid_for_once():
    activity = make_activity(cap=100 * PRICE)
    for number in range(1, ROUNDS + 1):
        lack = make_lack(activity)
        reserved = meet(*[partial(reserve_seats, [lack])] * 3)
        assert {lack.group_id: 1} in reserved
        activity.refresh_from_db()
        assert activity.guarantee_used_fen == number * PRICE


def test_reading_first_spends_more_than_is_counted():
    """The negative control: both read what is left, then both write. If this passed, the races above prove nothing."""
    activity = make_activity(cap=2 * PRICE)
    both_have_read = threading.Barrier(2)

    def read_then_write() -> int:
        row = Activity.objects.get(pk=activity.pk)
        both_have_read.wait(timeout=30)
        Activity.objects.filter(pk=activity.pk).update(guarantee_used_fen=row.guarantee_used_fen + PRICE)
        return PRICE

    spent = sum(meet(read_then_write, read_then_write))
    activity.refresh_from_db()
    assert (spent, activity.guarantee_used_fen) == (2 * PRICE, PRICE)
