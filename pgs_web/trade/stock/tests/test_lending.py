"""Units between the buckets of a spread activity: none is lost, none is there twice, and the last one is found."""

import itertools
import threading

import pytest

from pgs_data.lua.loader import run_command
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partitions_of
from pgs_web.trade.stock import lending
from pgs_web.trade.stock.errors import StockTooShort
from pgs_web.trade.stock.keys import lending_key, stock_key
from pgs_web.trade.stock.lending import Borrowed, borrow_units, finish_loans, sweep_loans
from pgs_web.trade.stock.selectors import read_gates, read_stock
from pgs_web.trade.stock.services import change_stock_total
from pgs_web.trade.stock.steps import run_steps
from pgs_web.trade.stock.tests.spreading import (
    make_spread_sale,
    remains,
    run_some,
    set_remains,
    units_anywhere,
)

pytestmark = pytest.mark.django_db(databases="__all__")


def borrow(activity, *, bucket, quantity=1, orders=1):
    return run_steps(borrow_units(activity.pk, borrower=bucket, quantity=quantity, orders=orders))


def refuse_in(activity, bucket, *, quantity=1):
    """What the admission script leaves when a bucket has too little."""
    partition = partitions_of(activity.pk)[bucket]
    ledger(partition).hset(stock_key(activity.pk, partition), "told_sold_out", quantity)


def loans(activity):
    return {
        member
        for partition in partitions_of(activity.pk)
        for member in ledger(partition).smembers(lending_key(partition))
    }


def test_the_stock_is_divided_and_read_as_one(settings):
    activity = make_spread_sale(settings, stock=10)
    assert remains(activity) == [3, 3, 2, 2]
    stock = read_stock(activity.pk)
    assert (stock.total, stock.remain, stock.lock, stock.sold) == (10, 10, 0, 0)
    assert read_gates([activity.pk]) == {activity.pk: "RUNNING"}


def test_an_empty_bucket_borrows_half_of_what_another_has(settings):
    activity = make_spread_sale(settings, stock=100)
    set_remains(activity, [0, 60, 40, 0])
    assert borrow(activity, bucket=0) is Borrowed.JUDGE_AGAIN
    assert remains(activity) == [30, 30, 40, 0]
    assert read_stock(activity.pk).total == 100
    assert not any(loans(activity))


def test_the_last_units_come_from_several_buckets(settings):
    activity = make_spread_sale(settings, stock=3)
    set_remains(activity, [0, 1, 1, 1])
    assert borrow(activity, bucket=0, quantity=3) is Borrowed.JUDGE_AGAIN
    assert remains(activity) == [3, 0, 0, 0]


def test_sold_out_is_said_when_nothing_is_anywhere(settings):
    activity = make_spread_sale(settings, stock=4)
    set_remains(activity, [4, 0, 0, 0])
    refuse_in(activity, 2)
    assert borrow(activity, bucket=2, quantity=4) is Borrowed.JUDGE_AGAIN
    # Three wanted, and another bucket's wish is not enough for them.
    refuse_in(activity, 2, quantity=5)
    assert borrow(activity, bucket=2, quantity=5) is Borrowed.SOLD_OUT
    assert borrow(activity, bucket=0) is Borrowed.JUDGE_AGAIN


@pytest.mark.parametrize("calls", range(11))
def test_dying_after_any_call_leaves_every_unit_once(settings, calls):
    activity = make_spread_sale(settings, stock=7)
    set_remains(activity, [0, 3, 0, 4])
    run_some(borrow_units(activity.pk, borrower=0, quantity=5), calls)
    assert sum(remains(activity)) <= 7
    assert read_stock(activity.pk).remain == 7
    sweep_loans()
    assert not any(loans(activity))
    assert sum(remains(activity)) == units_anywhere(activity) == 7
    refuse_in(activity, 0, quantity=7)
    assert borrow(activity, bucket=0, quantity=7) is Borrowed.JUDGE_AGAIN
    assert remains(activity)[0] == 7


def test_units_under_way_are_not_sold_out(settings):
    activity = make_spread_sale(settings, stock=2)
    set_remains(activity, [0, 2, 0, 0])
    run_some(borrow_units(activity.pk, borrower=0, quantity=2), 2)
    assert remains(activity) == [0, 0, 0, 0]
    refuse_in(activity, 3)
    # Whoever asks brings them to where they were wanted, and looks again.
    assert borrow(activity, bucket=3) is Borrowed.JUDGE_AGAIN
    assert remains(activity) == [2, 0, 0, 0]
    assert borrow(activity, bucket=3) is Borrowed.JUDGE_AGAIN
    assert remains(activity) == [1, 0, 0, 1]


def test_without_looking_for_units_under_way_it_would_be_a_lie(settings):
    """The negative control of the test above."""
    activity = make_spread_sale(settings, stock=2)
    set_remains(activity, [0, 2, 0, 0])
    run_some(borrow_units(activity.pk, borrower=0, quantity=2), 2)
    for bucket in range(4):
        refuse_in(activity, bucket)
    for partition in partitions_of(activity.pk):
        ledger(partition).hdel(stock_key(activity.pk, partition), "under_way")
    assert borrow(activity, bucket=3) is Borrowed.SOLD_OUT


def test_units_that_come_back_meanwhile_are_found(settings):
    activity = make_spread_sale(settings, stock=1)
    set_remains(activity, [0, 0, 0, 1])
    set_away = partitions_of(activity.pk)[3]
    key = stock_key(activity.pk, set_away)
    ledger(set_away).hset(key, mapping={"remain": 0, "lock": 1})
    refuse_in(activity, 0)

    def meet_a_cancellation():
        steps, reply = borrow_units(activity.pk, borrower=0, quantity=1), None
        for number in itertools.count():
            try:
                call = steps.send(reply)
            except StopIteration as end:
                return end.value
            if number == 4:
                # All buckets were asked. Now the order of the last one is cancelled.
                ledger(set_away).hset(key, mapping={"remain": 1, "lock": 0, "told_sold_out": 0, "mark": ""})
            reply = yield call

    assert run_steps(meet_a_cancellation()) is Borrowed.JUDGE_AGAIN


def test_late_and_repeated_calls_change_nothing(settings):
    activity = make_spread_sale(settings, stock=8)
    set_remains(activity, [0, 8, 0, 0])
    calls = []

    def remember():
        steps, reply = borrow_units(activity.pk, borrower=0, quantity=1), None
        while True:
            try:
                call = steps.send(reply)
            except StopIteration:
                return
            calls.append(call)
            reply = yield call

    run_steps(remember())
    _mark, _lend, receive, forget = calls
    before = remains(activity)
    for _ in range(3):
        make_calls([receive, forget])
    assert remains(activity) == before == [4, 4, 0, 0]
    assert borrow(activity, bucket=0, quantity=5) is Borrowed.JUDGE_AGAIN
    # The first loan's second call arrives after the second loan.
    make_calls([receive, forget])
    assert remains(activity) == [8, 0, 0, 0]


def make_calls(calls):
    for partition, command in calls:
        run_command(ledger(partition), command)


def test_a_loan_counted_without_its_number_would_come_twice(settings):
    """The negative control: it is the number that keeps a repeated call from adding the units again."""
    activity = make_spread_sale(settings, stock=8)
    set_remains(activity, [0, 8, 0, 0])
    run_some(borrow_units(activity.pk, borrower=0, quantity=1), 3)
    home = partitions_of(activity.pk)[0]
    ledger(home).hdel(stock_key(activity.pk, home), "in:1")
    run_steps(finish_loans(activity.pk, lender=1))
    assert sum(remains(activity)) == 12


def test_a_total_is_changed_in_one_place(settings):
    activity = make_spread_sale(settings, stock=8)
    change_stock_total(activity_id=activity.pk, difference=5, change_id="more")
    change_stock_total(activity_id=activity.pk, difference=5, change_id="more")
    assert (read_stock(activity.pk).total, sum(remains(activity))) == (13, 13)
    change_stock_total(activity_id=activity.pk, difference=-12, change_id="less")
    assert (read_stock(activity.pk).total, read_stock(activity.pk).remain, sum(remains(activity))) == (1, 1, 1)
    with pytest.raises(StockTooShort):
        change_stock_total(activity_id=activity.pk, difference=-2)


def test_buckets_that_borrow_from_each_other_at_once(settings):
    activity = make_spread_sale(settings, stock=40)
    errors = []

    def borrow_often(bucket):
        try:
            for _ in range(40):
                borrow(activity, bucket=bucket, quantity=3)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=borrow_often, args=(number % 4,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sweep_loans()
    assert not errors
    assert sum(remains(activity)) == units_anywhere(activity) == 40
    assert not any(loans(activity))


def test_nothing_is_swept_where_nothing_is_spread(settings, monkeypatch):
    settings.LEDGER_SPREAD = {}
    monkeypatch.setattr(lending, "ledger", None)
    assert sweep_loans() == 0


def test_loans_and_limits_of_an_activity_that_is_spread_no_more_stop_no_sweep(settings):
    activity = make_spread_sale(settings, stock=8)
    run_some(borrow_units(activity.pk, borrower=0, quantity=5), 2)
    lent = [units for units in loans(activity) if units]
    settings.LEDGER_SPREAD = {activity.pk + 1: 4}
    assert sweep_loans() == 0
    settings.LEDGER_SPREAD = {activity.pk: 4}
    assert [units for units in loans(activity) if units] == lent
    assert sweep_loans() == len(lent) == 1


def test_units_in_the_bucket_itself_are_found(settings):
    """They came after the order was refused, and somebody who wanted more was refused after that."""
    activity = make_spread_sale(settings, stock=3)
    set_remains(activity, [3, 0, 0, 0])
    refuse_in(activity, 0, quantity=5)
    assert borrow(activity, bucket=0, quantity=1) is Borrowed.JUDGE_AGAIN
    assert borrow(activity, bucket=0, quantity=5) is Borrowed.SOLD_OUT


@pytest.mark.parametrize("takes_mark_off", [True, False])
def test_a_mark_set_again_is_another_one(settings, takes_mark_off):
    """Units came to a bucket that was asked, and a larger order was refused there: without its mark, a lie."""
    activity = make_spread_sale(settings, stock=2)
    set_remains(activity, [0, 0, 0, 2])
    last = partitions_of(activity.pk)[3]
    key = stock_key(activity.pk, last)
    ledger(last).hset(key, mapping={"remain": 0, "lock": 2})

    def meet_a_cancellation():
        steps, reply = borrow_units(activity.pk, borrower=0, quantity=1), None
        for number in itertools.count():
            try:
                call = steps.send(reply)
            except StopIteration as end:
                return end.value
            if number == 4:
                off = {"mark": ""} if takes_mark_off else {}
                ledger(last).hset(key, mapping={"remain": 2, "lock": 0, "told_sold_out": 5, **off})
            reply = yield call

    expected = Borrowed.JUDGE_AGAIN if takes_mark_off else Borrowed.SOLD_OUT
    assert run_steps(meet_a_cancellation()) is expected


def test_whatever_brings_units_takes_the_mark_off(settings):
    activity = make_spread_sale(settings, stock=4)
    set_remains(activity, [0, 0, 0, 4])
    assert borrow(activity, bucket=3, quantity=9) is Borrowed.SOLD_OUT
    marks = [ledger(number).hget(stock_key(activity.pk, number), "mark") for number in partitions_of(activity.pk)]
    assert all(marks)
    change_stock_total(activity_id=activity.pk, difference=1)
    assert borrow(activity, bucket=1) is Borrowed.JUDGE_AGAIN
    home, second = partitions_of(activity.pk)[0], partitions_of(activity.pk)[1]
    assert ledger(home).hget(stock_key(activity.pk, home), "mark") == b""
    assert ledger(second).hget(stock_key(activity.pk, second), "mark") == b""
