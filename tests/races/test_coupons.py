"""A coupon against everything that happens to it and to its order at the same moment: used once, paid for exactly."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError, OperationalError, connections
from django.db.models import F, Q

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.models import Payment
from pgs_task.payment.tests.making import start
from pgs_task.reconciliation.checks.coupons import coupons_follow_their_order, used_by_one_order
from pgs_task.reconciliation.checks.orders import amount_is_right
from pgs_web.api.errors import Refusal
from pgs_web.trade.coupon.models import Coupon, CouponUse
from pgs_web.trade.coupon.services import door, replace_coupons, using
from pgs_web.trade.coupon.states import CouponState
from pgs_web.trade.coupon.tests.making import issue
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.selectors import describe_purchase
from pgs_web.trade.order.services import cancel_own_order, cancel_unpaid_orders, discounting, use_coupons
from pgs_web.trade.order.tests.making import make_order
from tests.races.meeting import meet, meet_with_delays

TRIES = 50
ROUNDS = 15
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def attempt(act: Callable[[], Any]) -> bool:
    try:
        act()
    except Refusal:
        return False
    return True


def use(order: Order, *coupons: Coupon) -> bool:
    ids = [coupon.pk for coupon in coupons]
    return attempt(partial(use_coupons, member_id=10, order_id=order.pk, coupon_ids=ids))


def offences() -> list[str]:
    checks = (used_by_one_order, coupons_follow_their_order, amount_is_right)
    return [offender for check in checks for offender in check.find_offenders()]


def delays() -> tuple[float, float]:
    """Two starts up to 10 ms apart, and often at once."""
    return (random.choice((0.0, random.uniform(0, 0.01))), random.choice((0.0, random.uniform(0, 0.01))))


@pytest.mark.real
def test_fifty_orders_want_one_coupon():
    orders = [make_order() for _ in range(TRIES)]
    coupon = issue()
    won = meet(*(partial(use, order, coupon) for order in orders))
    assert won.count(True) == 1
    discounted = [order.pk for order in Order.objects.filter(pk__in=[one.pk for one in orders], discount_fen__gt=0)]
    assert discounted == [orders[won.index(True)].pk]
    assert Coupon.objects.get(pk=coupon.pk).order_id == discounted[0]
    assert offences() == []


@pytest.mark.real
def test_orders_that_swap_their_coupons_neither_lose_nor_double_one():
    """Each wants what the other has: rows are locked in one order, so nobody waits in a circle."""
    for _ in range(4):
        first, second = make_order(), make_order()
        one, two = issue(), issue(stack_group="red")
        assert use(first, one)
        assert use(second, two)
        meet(partial(use, first, two), partial(use, second, one), partial(use, first), partial(use, second))
        assert offences() == []


@pytest.mark.real
@pytest.mark.parametrize("by_state", [False, True], ids=["", "negative control"])
def test_moving_a_coupon_waits_for_no_other(by_state, monkeypatch):
    """Found by the index of states, another's coupon is waited for: that is how two orders wait in a circle."""
    if by_state:
        monkeypatch.setattr(door, "Concat", lambda state, _nothing: F(state))
    one, other = issue(), issue(stack_group="red")
    alias = alias_of_id(one.pk)
    # The nearest behind those whose time is over.
    Coupon.objects.on_node(alias).filter(pk=other.pk).update(expires_at=DatabaseNow(after=timedelta(minutes=1)))

    def expire() -> int:
        with node_transaction(alias):
            now = database_now(alias)
            with connections[alias].cursor() as cursor:
                cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
            return door.move_coupons(
                alias=alias,
                coupon_ids=[one.pk],
                from_state=CouponState.ISSUED,
                to_state=CouponState.EXPIRED,
                now=now,
                condition=Q(expires_at__lte=now),
            )

    def expire_and_hang_up() -> int:
        try:
            return expire()
        finally:
            connections.close_all()

    with node_transaction(alias):
        door.lock_coupons(alias=alias, coupon_ids=[other.pk])
        Coupon.objects.on_node(alias).filter(pk=other.pk).update(state=CouponState.WITHDRAWN)
        with ThreadPoolExecutor(1) as threads:
            if by_state:
                with pytest.raises(OperationalError):
                    threads.submit(expire_and_hang_up).result()
            else:
                assert threads.submit(expire_and_hang_up).result() == 0


@pytest.mark.real
def test_using_against_paying():
    """A payment is opened at the amount that the order keeps."""
    outcomes: Counter[bool] = Counter()
    for _ in range(ROUNDS):
        order, coupon = make_order(), issue()
        first, second = delays()
        used, _payment = meet_with_delays([(partial(use, order, coupon), first), (partial(start, order), second)])
        order.refresh_from_db()
        payment = Payment.objects.on_node(alias_of_id(order.pk)).get(order_id=order.pk)
        assert (payment.amount_fen, order.amount_fen) == ((890, 890) if used else (990, 990))
        outcomes[used] += 1
    assert offences() == []
    assert len(outcomes) == 2, f"no race took place: {outcomes}"


@pytest.mark.real
@pytest.mark.parametrize("by_the_clock", [False, True])
def test_using_against_the_end_of_the_order(by_the_clock, settings):
    settings.UNPAID_GRACE_SECONDS = 0
    outcomes: Counter[bool] = Counter()
    # How much later the end comes, so that on any machine, however slow, both win.
    lead = 0.01
    for _ in range(ROUNDS):
        order = make_order(pay_within=timedelta(seconds=lead) if by_the_clock else timedelta(minutes=5))
        coupon = issue()
        end = cancel_unpaid_orders if by_the_clock else partial(cancel_own_order, member_id=10, order_id=order.pk)
        used, _ended = meet_with_delays([(partial(use, order, coupon), 0), (end, lead)])
        if by_the_clock:
            Order.objects.filter(pk=order.pk).update(pay_by=order.accepted_at)
            cancel_unpaid_orders()
        order.refresh_from_db()
        assert (order.state, order.discount_fen) == ("CANCELLED", 100 if used else 0)
        assert Coupon.objects.get(pk=coupon.pk).state == "ISSUED"
        outcomes[used] += 1
        lead = lead / 2 if used else min(lead * 2, 1.0)
    assert offences() == []
    assert len(outcomes) == 2, f"no race took place: {outcomes}"


# The negative controls: a guard is off, and the judges above see it.


def test_without_lock_and_condition_a_coupon_would_be_taken_twice():
    """Both have read that it is free; only the unique index on its use is left to stop the second."""
    first, second, coupon = make_order(), make_order(), issue()
    read = {coupon.pk: Coupon.objects.get(pk=coupon.pk)}

    def move_blindly(*, alias: str, coupon_ids: list[int], to_state: str, order_id: int | None, **_: object) -> int:
        return Coupon.objects.on_node(alias).filter(pk__in=coupon_ids).update(state=to_state, order_id=order_id)

    with (
        patch.object(using, "lock_coupons", lambda **_: read),
        patch.object(using, "move_coupons", move_blindly),
    ):
        assert use(first, coupon)
        with pytest.raises(IntegrityError):
            use(second, coupon)
        with patch.object(CouponUse._meta.get_field("open_coupon_id"), "pre_save", lambda *_, **__: None):
            assert use(second, coupon)
    assert any(str(coupon.pk) in offender for offender in offences())


def test_without_the_look_at_payments_a_payment_would_be_of_another_amount():
    order, coupon = make_order(), issue()
    payment = start(order)
    with patch.object(discounting, "has_begun_payment", lambda _: False):
        assert use(order, coupon)
    order.refresh_from_db()
    assert payment.amount_fen != order.amount_fen


def test_without_the_orders_lock_a_cancelled_order_would_keep_a_coupon():
    order, coupon = make_order(), issue()
    seen = Order.objects.get(pk=order.pk)
    cancel_own_order(member_id=10, order_id=order.pk)
    with node_transaction(order.pk) as alias:
        # Who read the order before its end goes on with what it read.
        replace_coupons(alias=alias, purchase=describe_purchase(seen), coupon_ids=[coupon.pk], now=database_now(alias))
        Order.objects.filter(pk=order.pk).update(discount_fen=100, amount_fen=890)
    assert any(str(order.pk) in offender for offender in offences())
