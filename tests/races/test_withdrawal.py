"""An activity is withdrawn while the last payment of a group is counted: one of them decides, for everybody in it."""

from functools import partial

import pytest

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_task.group_expiry.services import end_withdrawn_groups
from pgs_task.handlers.tests.making import deliver_all, hold_states, load_ledger
from pgs_task.handlers.tests.test_handlers import WITHOUT_PAYMENT
from pgs_web.display.activity.services import withdraw_activity
from pgs_web.trade.group.models import Group, GroupLog
from pgs_web.trade.group.services import PaidSeat, count_paid_seats
from pgs_web.trade.order.services import mark_paid
from pgs_web.trade.order.tests.making import GroupOfOrders, make_group_of_orders
from pgs_web.trade.stock.tests.making import make_sale
from tests.races.meeting import meet_with_delays

ROUNDS = 12
pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def paid_seat(made: GroupOfOrders, place: int) -> PaidSeat:
    return PaidSeat(group_id=made.group.pk, order_id=made.orders[place].pk, paid_at=made.group.opened_at)


def test_withdrawal_against_the_last_payment():
    for number in range(ROUNDS):
        activity = make_sale(stock=10)
        made = make_group_of_orders(size=2, activity_id=activity.pk)
        load_ledger(activity_id=activity.pk, orders=made.orders, groups=[made.group])
        for order in made.orders:
            mark_paid(order_id=order.pk, paid_at=database_now(alias_of_id(order.pk)))
        count_paid_seats(payments=[paid_seat(made, 0)])
        withdraw_activity(activity_id=activity.pk, actor="operator:1", reason="recalled")
        # The job looks around before it fails a group: the payment comes a little later, more so from round to round.
        meet_with_delays(
            [
                (end_withdrawn_groups, 0),
                (partial(count_paid_seats, payments=[paid_seat(made, 1)]), number * 0.0015),
            ]
        )
        deliver_all(WITHOUT_PAYMENT)
        made.group.refresh_from_db()
        for order in made.orders:
            order.refresh_from_db()
        decided = GroupLog.objects.filter(group_id=made.group.pk, to_state__in=["SUCCEEDED", "FAILED"])
        assert len(decided) == 1
        order_state, hold = {"SUCCEEDED": ("TO_SHIP", "S"), "SETTLED": ("REFUNDED", "R")}[made.group.state]
        assert [order.state for order in made.orders] == [order_state] * 2
        assert hold_states(activity.pk, made.orders) == [hold] * 2


def test_failing_without_the_state_in_the_statement_decides_twice():
    """The negative control: who only looks first, and then writes, fails a group that has succeeded meanwhile."""
    made = make_group_of_orders(size=2)
    seen = Group.objects.get(pk=made.group.pk)
    count_paid_seats(payments=[paid_seat(made, 0), paid_seat(made, 1)])
    assert seen.state == "FORMING"
    Group.objects.filter(pk=seen.pk).update(state="FAILED")
    made.group.refresh_from_db()
    decided = GroupLog.objects.filter(group_id=made.group.pk, to_state="SUCCEEDED")
    assert (made.group.state, decided.count()) == ("FAILED", 1)
