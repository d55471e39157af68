"""Shopper, failing group and operator want the same money back at once, each with a worker of its own: one refund."""

import contextlib
import random
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from pgs_task.handlers.tests.making import deliver_all
from pgs_task.payment import services as payment_services
from pgs_task.payment.models import Payment
from pgs_task.payment.services import process_due_refunds, refunds
from pgs_task.payment.tests.making import start
from pgs_task.payment.tests.refunding import bank_refunds
from pgs_task.routes import ROUTES
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.services import fail_expired_groups
from pgs_web.trade.order.errors import WrongState
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.services import request_refund, start_refund, start_refunds
from pgs_web.trade.order.states import OrderState, RefundReason
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale
from tests.races.meeting import meet_with_delays, rounds
from tests.races.paid_orders import MEMBER_STEP, judge, move_deadline, notify, offenders, place, settle

ROUNDS = rounds(20)
LONGEST_DELAY_SECONDS = 1.0
pytestmark = [
    pytest.mark.django_db(databases="__all__", transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]


@pytest.fixture(autouse=True)
def _no_grace(settings):
    settings.GROUP_EXPIRY_GRACE_SECONDS = 0


def make_paid(activity: Activity, number: int) -> list[tuple[Order, Payment]]:
    """Leaders who have paid and whose groups wait for somebody."""
    orders = place(activity, members=range(MEMBER_STEP, MEMBER_STEP * (number + 1), MEMBER_STEP))
    paid = [(order, start(order)) for order in orders]
    for _, payment in paid:
        notify(payment)
    deliver_all(dict(ROUTES))
    return paid


def ask_as_shopper(order: Order) -> None:
    with contextlib.suppress(WrongState):
        request_refund(member_id=order.member_id, order_id=order.pk)
    send_back(order, reason=RefundReason.BY_MEMBER)


def fail_the_group(order: Order) -> None:
    """What the clock does, and what `group.failed` does then, without a relay in between."""
    fail_expired_groups()
    if Group.objects.get(pk=order.group_id).state == "FAILED":
        start_refunds(order_ids=[order.pk], reason=RefundReason.GROUP_FAILED, actor="relay")
    send_back(order, reason=RefundReason.GROUP_FAILED)


def press_as_operator(order: Order) -> None:
    start_refund(
        order_id=order.pk,
        reason=RefundReason.BY_OPERATOR,
        actor="desk",
        from_states={OrderState.AWAITING_GROUP, OrderState.TO_SHIP},
    )
    send_back(order, reason=RefundReason.BY_OPERATOR)


def send_back(order: Order, *, reason: RefundReason) -> None:
    """What a relay and a worker of one's own do about it, beside those of the other causes."""
    if Order.objects.get(pk=order.pk).state == OrderState.REFUNDING:
        payment_services.request_refund(order_id=order.pk, reason=reason)
        process_due_refunds()


CAUSES = (ask_as_shopper, fail_the_group, press_as_operator)


def judge_one_refund(order: Order, payment: Payment) -> None:
    assert judge(order, payment) == OrderState.REFUNDED
    assert bank_refunds(payment) == [order.amount_fen]


def winner_of(order: Order) -> Callable[[Order], None]:
    """Whose cause sent the order's money back."""
    actor = OrderLog.objects.get(order_id=order.pk, to_state=OrderState.REFUNDING).actor
    return {"member": ask_as_shopper, "relay": fail_the_group, "desk": press_as_operator}[actor.split(":")[0]]


def test_three_causes_at_once():
    activity = make_sale(stock=1000, group_size=2)
    paid = make_paid(activity, ROUNDS)
    # Whoever wins starts later in the next round: on any machine, however slow, the races become close.
    delays = dict.fromkeys(CAUSES, 0.0)
    winners: Counter[object] = Counter()
    for order, _ in paid:
        move_deadline(activity, order, seconds=0)
        meet_with_delays([(partial(cause, order), delay) for cause, delay in delays.items()])
        winners[winner := winner_of(order)] += 1
        delays[winner] = min(delays[winner] + random.uniform(0.01, 0.03), LONGEST_DELAY_SECONDS)
    settle()
    for order, payment in paid:
        judge_one_refund(order, payment)
        assert Group.objects.get(pk=order.group_id).state == "SETTLED"
    assert winners.total() == ROUNDS
    assert len(winners) > 1, f"no race took place: {winners}"
    stock = read_stock(activity.pk)
    assert (stock.sold, stock.lock) == (0, 0)
    assert offenders() == {}


def test_a_number_a_cause_gives_back_more_than_was_paid(monkeypatch):
    """The negative control: each cause numbers its own refund, and nobody asks what is promised already."""
    activity = make_sale(stock=10, group_size=2)
    ((order, payment),) = make_paid(activity, 1)
    numbers = iter(range(1, 10))
    monkeypatch.setattr(refunds, "refund_no_of", lambda *, payment_id, sequence=None: f"R{payment_id}-{next(numbers)}")
    monkeypatch.setattr(refunds, "_promise", lambda payments, **_: {one.pk: one.amount_fen for one in payments})
    move_deadline(activity, order, seconds=0)
    for cause in CAUSES:
        order_before = Order.objects.filter(pk=order.pk)
        cause(order)
        # As it was when the three began.
        order_before.exclude(state=OrderState.REFUNDED).update(state=OrderState.REFUNDING)
    settle()
    with pytest.raises(AssertionError):
        judge_one_refund(order, payment)
    assert offenders().keys() & {"M1", "M2", "M6"}
