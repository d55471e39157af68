"""Running groups of a withdrawn activity end; of a paused or an ended one they go on to their deadlines."""

from datetime import timedelta

import pytest

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import alias_of_id
from pgs_task.group_expiry import services
from pgs_task.group_expiry.services import end_withdrawn_groups
from pgs_task.handlers.tests.making import deliver_all, load_ledger
from pgs_task.handlers.tests.test_handlers import WITHOUT_PAYMENT
from pgs_web.display.activity.models import Activity, Withdrawal
from pgs_web.display.activity.services import withdraw_activity
from pgs_web.trade.group.models import Group, GroupLog
from pgs_web.trade.group.services import PaidSeat, count_paid_seats, ending
from pgs_web.trade.group.states import FailReason
from pgs_web.trade.group.tests.in_ledger import read_group
from pgs_web.trade.group.tests.making import make_filled_group, make_group
from pgs_web.trade.order.services import mark_paid
from pgs_web.trade.order.tests.making import make_group_of_orders
from pgs_web.trade.stock.sales import end_sale, pause_sale, resume_sale, withdraw_sale
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def states(*groups: Group) -> list[tuple[str, str]]:
    for group in groups:
        group.refresh_from_db()
    return [(group.state, group.reason) for group in groups]


@pytest.fixture
def activity() -> Activity:
    return make_sale(stock=100)


def withdraw(activity: Activity) -> None:
    withdraw_sale(activity_id=activity.pk, actor="operator:1", reason="recalled")


def test_who_is_in_a_group_of_a_withdrawn_activity_gets_everything_back(activity):
    made = make_group_of_orders(size=3, activity_id=activity.pk)
    load_ledger(activity_id=activity.pk, orders=made.orders, groups=[made.group])
    paid, *unpaid = made.orders
    mark_paid(order_id=paid.pk, paid_at=made.group.opened_at)
    deliver_all(WITHOUT_PAYMENT)
    withdraw(activity)
    assert end_withdrawn_groups() == 1
    deliver_all(WITHOUT_PAYMENT)
    assert states(made.group) == [("SETTLED", "withdrawn")]
    for order in made.orders:
        order.refresh_from_db()
    assert [(order.state, order.reason) for order in (paid, *unpaid)] == [
        ("REFUNDED", "group_failed"),
        *[("CANCELLED", "group_failed")] * 2,
    ]
    assert read_group(activity.pk, made.group.pk).is_closed


@pytest.mark.parametrize("stop", [pause_sale, end_sale])
def test_a_group_of_a_paused_or_ended_activity_goes_on_and_can_be_completed(activity, stop):
    group, seats = make_filled_group(size=2)
    Group.objects.filter(pk=group.pk).update(activity_id=activity.pk)
    stop(activity_id=activity.pk, actor="operator:1", reason="")
    assert end_withdrawn_groups() == 0
    report = count_paid_seats(
        payments=[PaidSeat(group_id=group.pk, order_id=seat.order_id, paid_at=seat.joined_at) for seat in seats]
    )
    assert report.refused == []
    assert states(group) == [("SUCCEEDED", "")]
    if stop is pause_sale:
        resume_sale(activity_id=activity.pk, actor="operator:1", reason="")


def test_groups_of_all_nodes_end_and_neither_decided_ones_nor_others(activity):
    running = [make_group(activity_id=activity.pk, slot=slot) for slot in (0, 25, 50)]
    decided, other = make_group(activity_id=activity.pk), make_group(activity_id=activity.pk + 1)
    ending.fail_group(group_id=decided.pk, reason=FailReason.RISK, actor="test")
    withdraw(activity)
    assert end_withdrawn_groups() == 3
    assert states(*running) == [("FAILED", "withdrawn")] * 3
    assert states(decided, other) == [("FAILED", "risk"), ("FORMING", "")]


def test_a_job_that_dies_is_gone_on_with(activity, monkeypatch):
    monkeypatch.setattr(ending, "GROUPS_A_TRANSACTION", 2)
    groups = [make_group(activity_id=activity.pk, slot=slot) for slot in (0, 0, 0, 25, 25, 25)]
    withdraw(activity)
    move, died = ending.move_groups, []

    def move_or_die(*args, **kwargs):
        died.append(1)
        if len(died) == 3:
            raise KeyboardInterrupt
        move(*args, **kwargs)

    monkeypatch.setattr(ending, "move_groups", move_or_die)
    with pytest.raises(KeyboardInterrupt):
        end_withdrawn_groups()
    assert states(*groups).count(("FAILED", "withdrawn")) == 3
    assert end_withdrawn_groups() == 3
    assert set(states(*groups)) == {("FAILED", "withdrawn")}
    logged = [
        GroupLog.objects.filter(group_id=group.pk, to_state="FAILED").values_list("actor", flat=True)
        for group in groups
    ]
    assert [list(actors) for actors in logged] == [["withdrawal"]] * 6


def test_a_group_that_is_written_down_later_ends_too_and_then_nobody_looks_any_more(activity):
    withdraw(activity)
    assert end_withdrawn_groups() == 0
    late = make_group(activity_id=activity.pk)
    Withdrawal.objects.update(until=DatabaseNow())
    assert end_withdrawn_groups() == 1
    assert states(late) == [("FAILED", "withdrawn")]
    assert Withdrawal.objects.get().done_at is None, "one of its groups was found: it is looked at once more"
    end_withdrawn_groups()
    assert Withdrawal.objects.get().done_at is not None
    assert services.take_withdrawals(limit=10) == []


def test_a_withdrawal_is_asked_for_once_and_with_the_move_or_not_at_all(activity, monkeypatch):
    monkeypatch.setattr("pgs_web.display.activity.services.door.ask_to_end_groups", fail)
    with pytest.raises(RuntimeError):
        withdraw_activity(activity_id=activity.pk, actor="x", reason="y")
    activity.refresh_from_db()
    assert activity.state == "RUNNING"
    monkeypatch.undo()
    withdraw(activity)
    withdraw(activity)
    row = Withdrawal.objects.get()
    assert row.until - row.asked_at == timedelta(seconds=activity.group_lasts_seconds)


def fail(_activity_id: int) -> None:
    raise RuntimeError("the process dies here")


def test_an_outage_of_a_node_keeps_the_withdrawal_open(activity, monkeypatch):
    group = make_group(activity_id=activity.pk, slot=50)
    withdraw(activity)
    Withdrawal.objects.update(until=DatabaseNow())
    away = alias_of_id(make_group(slot=0).pk)
    real = Group.objects.on_node

    def on_node(alias: str):
        if alias == away:
            raise ending.OperationalError(2002, "Can't connect")
        return real(alias)

    monkeypatch.setattr(Group.objects, "on_node", on_node)
    with pytest.raises(ending.OperationalError):
        end_withdrawn_groups()
    assert states(group) == [("FAILED", "withdrawn")]
    assert Withdrawal.objects.get().done_at is None
