"""Two operators press the same button at the same moment: it happens once, and the log says who did it."""

import threading

import pytest
from django.db import connections

from pgs_admin.tests.making import make_member, make_shop, sign_in
from pgs_admin.tests.test_acts import outcomes, press
from pgs_task.reconciliation.checks.audit import operators_are_audited
from pgs_web.display.activity.models import ActivityLog
from pgs_web.trade.order.models import OrderLog
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def press_at_once(role: str, button: str, row) -> None:
    """The button by two operators of the role, each in a thread of its own."""
    clients = [sign_in(role), sign_in(role)]
    start = threading.Barrier(len(clients))
    failures = []

    def run(client) -> None:
        try:
            start.wait()
            assert press(client, button, row).status_code == 302
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("button", "which", "state"),
    [
        ("order_order_cancel_order", "unpaid", OrderState.CANCELLED),
        ("order_order_refund_order", "paid", OrderState.REFUNDING),
    ],
)
def test_an_order(button: str, which: str, state: OrderState):
    order = getattr(make_shop(), which)
    press_at_once("service", button, order)
    order.refresh_from_db()
    assert order.state == state
    assert OrderLog.objects.filter(order_id=order.pk, to_state=state).count() == 1
    # Both tried, and both are known to have tried.
    assert len(outcomes()) == 2
    assert "done" in {outcome for _act, outcome in outcomes()}
    assert list(operators_are_audited.find_offenders()) == []


def test_an_activity():
    activity = make_sale()
    press_at_once("operations", "activity_activity_pause", activity)
    assert ActivityLog.objects.filter(activity=activity, to_state="PAUSED").count() == 1
    assert "done" in {outcome for _act, outcome in outcomes()}
    assert list(operators_are_audited.find_offenders()) == []


def test_a_member():
    member = make_member()
    press_at_once("service", "member_member_block", member)
    assert sorted(outcome for _act, outcome in outcomes()) == ["done", "refused: wrong_state"]
