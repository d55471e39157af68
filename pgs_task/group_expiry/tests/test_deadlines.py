"""Orders nobody paid and groups nobody filled end by the databases' clocks, at the cost of what is due."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
import time_machine
from django.db import OperationalError, connections
from django.test.utils import CaptureQueriesContext

from pgs_data.sharding.slots import alias_of_id
from pgs_task.group_expiry import services
from pgs_task.group_expiry.services import cancel_overdue_orders, fail_overdue_groups
from pgs_task.payment.services import CloseReport
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.services import fail_expired_groups
from pgs_web.trade.group.services.ending import expired_groups
from pgs_web.trade.group.tests.making import make_filled_group, make_group
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_unpaid_orders
from pgs_web.trade.order.services.buying import due_orders
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES, make_order

pytestmark = pytest.mark.django_db(databases="__all__")
SECOND = timedelta(seconds=1)
NODE = "node0"


def states(*rows: Order | Group) -> list[str]:
    for row in rows:
        row.refresh_from_db()
    return [row.state for row in rows]


def test_orders_are_cancelled_after_their_time_to_pay_and_a_grace(settings):
    settings.UNPAID_GRACE_SECONDS = 5
    over = [make_order(member_id=member, pay_within=-6 * SECOND) for member in MEMBERS_ON_THREE_NODES]
    in_grace, in_time = make_order(pay_within=-4 * SECOND), make_order(pay_within=SECOND)
    assert cancel_overdue_orders() == 3
    assert states(*over, in_grace, in_time) == ["CANCELLED"] * 3 + ["UNPAID"] * 2
    assert {order.reason for order in over} == {"unpaid"}
    assert cancel_overdue_orders() == 0


def test_groups_fail_after_their_deadline_and_a_grace(settings):
    settings.GROUP_EXPIRY_GRACE_SECONDS = 5
    over = [make_filled_group(lasts=-6 * SECOND, slot=slot)[0] for slot in (0, 25, 50)]
    in_grace, in_time = make_group(lasts=-4 * SECOND), make_group(lasts=SECOND)
    assert fail_overdue_groups() == 3
    assert states(*over, in_grace, in_time) == ["FAILED"] * 3 + ["FORMING"] * 2
    assert {group.reason for group in over} == {"timeout"}
    assert fail_overdue_groups() == 0


@pytest.mark.parametrize("clock", [datetime(2001, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)])
def test_the_workers_clock_decides_nothing(clock):
    """A worker whose clock is decades off ends what the database says is over, and nothing else."""
    due_order, due_group = make_order(pay_within=-10 * SECOND), make_group(lasts=-10 * SECOND)
    order, group = make_order(), make_group()
    with time_machine.travel(clock, tick=True):
        assert cancel_unpaid_orders() == 1
        assert fail_expired_groups() == 1
    assert states(due_order, order, due_group, group) == ["CANCELLED", "UNPAID", "FAILED", "FORMING"]
    now = datetime.now(UTC)
    assert abs(due_order.updated_at - now) < timedelta(minutes=1), "what is written down is the database's time too"
    assert abs(due_group.decided_at - now) < timedelta(minutes=1)


def test_a_clock_that_were_the_workers_would_be_noticed(monkeypatch):
    """The negative control: with the worker's clock the same jump ends an order that has time left."""
    order = make_order()

    class WorkersNow:
        def __new__(cls, *, after: timedelta = timedelta()) -> datetime:
            return datetime.now(UTC) + after

    monkeypatch.setattr("pgs_web.trade.order.services.buying.DatabaseNow", WorkersNow)
    with time_machine.travel(datetime(2090, 1, 1, tzinfo=UTC), tick=True):
        cancel_unpaid_orders()
    assert states(order) == ["CANCELLED"]


def test_payment_is_closed_before_an_order_is_cancelled():
    order = make_order(pay_within=-10 * SECOND)
    seen: list[list[str]] = []

    def close(*, order_ids):
        seen.append([*order_ids, *states(order)])
        return CloseReport()

    with patch.object(services, "close_open_payments", close):
        assert cancel_overdue_orders() == 1
    assert seen == [[order.pk, "UNPAID"]]


def test_an_order_that_the_gateway_says_is_paid_is_not_cancelled():
    order = make_order(pay_within=-10 * SECOND)

    def close(*, order_ids):
        Order.objects.filter(pk=order.pk).update(state="TO_SHIP")
        return CloseReport(paid=[order.pk])

    with patch.object(services, "close_open_payments", close):
        assert cancel_overdue_orders() == 0
    assert states(order) == ["TO_SHIP"]


def test_a_gateway_that_does_not_answer_is_waited_for_but_not_for_ever(settings):
    settings.UNPAID_GRACE_SECONDS, settings.UNPAID_CLOSE_SECONDS = 1, 20
    asked, waited = make_order(pay_within=-10 * SECOND), make_order(pay_within=-22 * SECOND)
    free = make_order(pay_within=-10 * SECOND)
    with patch.object(services, "close_open_payments", lambda *, order_ids: CloseReport(unknown=[asked.pk, waited.pk])):
        assert cancel_overdue_orders() == 2
    assert states(asked, waited, free) == ["UNPAID", "CANCELLED", "CANCELLED"]
    assert cancel_overdue_orders() == 1


def test_more_than_a_batch_is_worked_off_in_one_run(monkeypatch):
    monkeypatch.setattr(services, "BATCH", 3)
    due = [make_order(pay_within=-10 * SECOND) for _ in range(8)]
    assert cancel_overdue_orders() == 8
    assert set(states(*due)) == {"CANCELLED"}


@pytest.mark.parametrize(
    ("act", "scan", "make"),
    [
        (cancel_unpaid_orders, "pgs_web.trade.order.services.buying.due_orders", make_order),
        (fail_expired_groups, "pgs_web.trade.group.services.ending.expired_groups", make_group),
    ],
)
def test_a_node_that_is_away_does_not_stop_the_others(act, scan, make):
    real = {"due_orders": due_orders, "expired_groups": expired_groups}[scan.rpartition(".")[2]]
    lasts = {"pay_within" if make is make_order else "lasts": -10 * SECOND}
    due = make(**({"member_id": 501} if make is make_order else {"slot": 50}), **lasts)

    def scan_or_fail(alias: str, *, limit: int) -> list[int]:
        if alias == NODE:
            raise OperationalError(2002, "Can't connect")
        return real(alias, limit=limit)

    with patch(scan, scan_or_fail), pytest.raises(OperationalError):
        act()
    assert states(due) == [due.state]
    assert due.state in {"CANCELLED", "FAILED"}


@pytest.mark.parametrize("scan", [due_orders, expired_groups])
def test_a_scan_costs_what_is_due(scan: Callable[..., list[int]]):
    """However many wait: the storage engine reads as many rows as are due, or plans to walk the index to there."""
    due_count = 5
    for number in range(due_count + 400):
        lasts = -10 * SECOND if number < due_count else timedelta(hours=1)
        if scan is due_orders:
            make_order(member_id=1, pay_within=lasts)
        else:
            make_group(slot=0, lasts=lasts)
    before = rows_read()
    with CaptureQueriesContext(connections[NODE]) as captured:
        assert len(scan(NODE, limit=500)) == due_count
    assert rows_read() - before <= due_count + 5
    plan = plan_of(captured.captured_queries[0]["sql"])
    assert "order_state_pay_by" in plan or "group_state_deadline" in plan


def plan_of(sql: str) -> str:
    explain = "EXPLAIN QUERY PLAN" if connections[NODE].vendor == "sqlite" else "EXPLAIN"
    with connections[NODE].cursor() as cursor:
        cursor.execute(f"{explain} {sql}")
        return str(cursor.fetchall())


def rows_read() -> int:
    """What MariaDB's storage engine has read for this connection; SQLite does not count."""
    if connections[NODE].vendor == "sqlite":
        return 0
    with connections[NODE].cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read_%'")
        return sum(int(value) for name, value in cursor.fetchall() if not name.endswith("_rnd_deleted"))


def test_due_rows_of_all_nodes_are_found_where_they_are():
    made = [make_group(slot=slot, lasts=-10 * SECOND) for slot in (0, 25, 50)]
    assert [expired_groups(alias_of_id(group.pk), limit=10) for group in made] == [[group.pk] for group in made]
