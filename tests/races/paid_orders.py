"""Orders that are paid for real, and how they ended: admission, drain, gateway, signed notices, refunds, shipping."""

import threading
from collections.abc import Sequence
from datetime import timedelta

from pgs_data.clock import database_now, to_ms
from pgs_data.sharding.slots import alias_of_id
from pgs_task.handlers.tests.making import deliver_all, waiting_messages
from pgs_task.logistics.services import make_consumer
from pgs_task.order_drain.tests.making import drain
from pgs_task.payment.models import Payment
from pgs_task.payment.services import process_due_refunds
from pgs_task.payment.tests.making import describe_notice, fresh, refunds_of, send, take_at_gateway
from pgs_task.reconciliation.runner import run_checks
from pgs_task.routes import ROUTES
from pgs_task.stock_sync.services import sync_stocks
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.tests.in_ledger import change_group
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState

# Of the next member: another slot, so that orders and groups are on all nodes.
MEMBER_STEP = 10
# There is one relay a node at a time.
_relay = threading.Lock()


def place(activity: Activity, *, members: Sequence[int], join: Sequence[int] = ()) -> list[Order]:
    """Orders of the members, admitted and written down; they open groups, or join these."""
    admissions = [
        make_admission(activity, member_id=member, join=join[place] if join else None)
        for place, member in enumerate(members)
    ]
    assert all(verdict.hold is not None for verdict in admit(*admissions))
    drain(activity)
    return [Order.objects.get(pk=admission.order_id) for admission in admissions]


def notify(payment: Payment) -> None:
    """The shopper pays, and the gateway tells it."""
    trade = take_at_gateway(payment)
    send(describe_notice(payment, trade_no=trade.trade_no))


def settle() -> None:
    """Everything that follows is done, as relay, workers and logistics do it."""
    for _ in range(20):
        deliver_all(dict(ROUTES))
        ended = process_due_refunds()
        if not ended and not waiting_messages():
            break
    logistics = make_consumer(block_ms=1)
    idle_reads = 0
    while idle_reads < 2:
        idle_reads = 0 if logistics.run_once() else idle_reads + 1
    deliver_all(dict(ROUTES))
    assert waiting_messages() == []
    sync_stocks()


def offenders() -> dict[str, list[str]]:
    """Every invariant that doesn't hold, with examples."""
    return {verdict.check.id: verdict.offenders for verdict in run_checks() if not verdict.is_ok}


def judge(order: Order, payment: Payment | None) -> str:
    """After everything has settled: the order's state, if the money agrees with it."""
    order.refresh_from_db()
    money = None
    if payment is not None:
        refunds = refunds_of(payment)
        taken = fresh(payment)
        money = (taken.state, taken.refunded_fen, [refund.state for refund in refunds])
    expected = {
        # The shop has the money exactly for what it ships.
        OrderState.SHIPPED: [("SUCCEEDED", 0, [])],
        OrderState.REFUNDED: [("REFUNDED", order.amount_fen, ["SUCCEEDED"])],
        # Its money came late and went back, or it was never paid.
        OrderState.CANCELLED: [("REFUNDED", order.amount_fen, ["SUCCEEDED"]), None],
    }[OrderState(order.state)]
    assert money in expected, f"{order.state}: {money}"
    return order.state


def move_deadline(activity: Activity, order: Order, *, seconds: float) -> Group:
    """Lets the order's group end so soon, in the database and in the ledger, as if it had been opened earlier."""
    deadline = database_now(alias_of_id(order.group_id)) + timedelta(seconds=seconds)
    Group.objects.filter(pk=order.group_id).update(deadline=deadline)
    change_group(activity.pk, order.group_id, deadline_ms=to_ms(deadline))
    return Group.objects.get(pk=order.group_id)


def notify_and_relay(payment: Payment) -> None:
    notify(payment)
    with _relay:
        deliver_all(dict(ROUTES))
