"""200 shoppers want one unit, 100 want a group's last seat; with the guard off, the same harness sees it go wrong."""

import threading
from collections import Counter

import pytest

from pgs_data.lua.loader import Script
from pgs_web.display.activity.models import Activity
from pgs_web.trade.intake import scripts
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.tests.making import admit, documents_of, make_admission
from pgs_web.trade.stock.selectors import Stock, read_stock
from pgs_web.trade.stock.tests.making import make_sale
from tests.races.meeting import meet

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]

SHOPPERS = 200
ROUNDS = 20


def without(guard: str) -> Script:
    """The admission script with one guard taken out."""
    source = scripts._admit_orders.source.removeprefix(scripts._admit_orders.header.prologue)
    assert source.count(guard) == 1
    return Script(source=source.replace(guard, "false"), name="admit_orders")


def rush(activity: Activity, *, shoppers: int = SHOPPERS, join: int | None = None) -> Counter[AdmitReply]:
    """How many of so many shoppers, all at once, got which answer."""
    orders = [make_admission(activity, member_id=member, join=join) for member in range(2, shoppers + 2)]
    return Counter(meet(*(lambda order=order: admit(order)[0].reply for order in orders)))


def check_one_is_sold(activity: Activity, answers: Counter[AdmitReply]) -> None:
    assert answers == {AdmitReply.ADMITTED: 1, AdmitReply.SOLD_OUT: SHOPPERS - 1}
    stock = read_stock(activity.pk)
    assert isinstance(stock, Stock)
    assert (stock.total, stock.remain, stock.lock, stock.sold) == (1, 0, 1, 0)
    assert len(documents_of(activity)) == 1


def test_200_shoppers_race_for_one_unit() -> None:
    for _round in range(ROUNDS):
        activity = make_sale(stock=1)
        check_one_is_sold(activity, rush(activity))


def test_the_race_sees_a_missing_stock_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "_admit_orders", without("left < quantity"))
    activity = make_sale(stock=1)
    answers = rush(activity)
    assert answers[AdmitReply.ADMITTED] > 1
    with pytest.raises(AssertionError):
        check_one_is_sold(activity, answers)


def test_the_race_sees_a_read_that_is_not_one_with_its_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking first and reserving after, in two calls, as the naive shop does it.

    Whether the others come in between is luck, and this test must not depend on it: everybody waits there.
    """
    monkeypatch.setattr(scripts, "_admit_orders", without("left < quantity"))
    activity = make_sale(stock=1)
    orders = [make_admission(activity, member_id=member) for member in range(2, SHOPPERS + 2)]

    between = threading.Barrier(SHOPPERS)

    def check_then_reserve(place: int) -> AdmitReply:
        stock = read_stock(activity.pk)
        between.wait(timeout=30)
        if stock is None or stock.remain < 1:
            return AdmitReply.SOLD_OUT
        return admit(orders[place])[0].reply

    answers = Counter(meet(*(lambda place=place: check_then_reserve(place) for place in range(SHOPPERS))))
    with pytest.raises(AssertionError):
        check_one_is_sold(activity, answers)


def check_one_sits(answers: Counter[AdmitReply], shoppers: int) -> None:
    assert answers == {AdmitReply.ADMITTED: 1, AdmitReply.GROUP_FULL: shoppers - 1}


def test_100_shoppers_race_for_the_last_seat() -> None:
    for _round in range(5):
        activity = make_sale(stock=200, group_size=2)
        (leader,) = admit(make_admission(activity, member_id=1))
        assert leader.hold is not None
        check_one_sits(rush(activity, shoppers=100, join=leader.hold.group_id), 100)
        stock = read_stock(activity.pk)
        assert stock is not None
        assert stock.lock == 2


def test_the_race_sees_a_missing_seat_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "_admit_orders", without("group.held >= group.kind.size"))
    activity = make_sale(stock=200, group_size=2)
    (leader,) = admit(make_admission(activity, member_id=1))
    assert leader.hold is not None
    with pytest.raises(AssertionError):
        check_one_sits(rush(activity, shoppers=100, join=leader.hold.group_id), 100)


def test_a_members_limit_in_a_race() -> None:
    activity = make_sale(stock=200, member_limit=3)
    orders = [make_admission(activity, member_id=1) for _ in range(100)]
    answers = Counter(meet(*(lambda order=order: admit(order)[0].reply for order in orders)))
    assert answers == {AdmitReply.ADMITTED: 3, AdmitReply.LIMIT_EXCEEDED: 97}


def test_the_race_sees_a_missing_limit_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = "has > member_limit"
    monkeypatch.setattr(scripts, "_admit_orders", without(guard))
    activity = make_sale(stock=200, member_limit=3)
    orders = [make_admission(activity, member_id=1) for _ in range(100)]
    answers = Counter(meet(*(lambda order=order: admit(order)[0].reply for order in orders)))
    assert answers[AdmitReply.ADMITTED] > 3


def test_quantities_sell_exactly_what_is_there() -> None:
    activity = make_sale(stock=100, member_limit=3)
    orders = [make_admission(activity, member_id=member, quantity=member % 3 + 1) for member in range(1, 401)]
    replies = meet(*(lambda order=order: admit(order)[0].reply for order in orders))
    units = sum(order.quantity for order, reply in zip(orders, replies, strict=True) if reply is AdmitReply.ADMITTED)
    stock = read_stock(activity.pk)
    assert stock is not None
    assert (units, stock.remain, stock.lock) == (100, 0, 100)
    assert stock.told_sold_out == 1
