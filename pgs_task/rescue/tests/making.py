"""Paid orders that lose their place, for tests: through admission, drain, gateway, messages and sweeper."""

from dataclasses import dataclass, field
from datetime import timedelta

from pgs_data.clock import DatabaseNow, database_now, to_ms
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_task.handlers.tests.making import deliver_all, waiting_messages
from pgs_task.logistics.services import make_consumer
from pgs_task.order_drain.tests.making import drain
from pgs_task.payment.models import Payment
from pgs_task.payment.services import process_due_refunds
from pgs_task.payment.tests.making import describe_notice, pay, refunds_of, send, start, take_at_gateway
from pgs_task.rescue.models import Rescue
from pgs_task.rescue.services import advance_rescues, end_overdue_surcharges
from pgs_task.rescue.states import RescueState
from pgs_task.routes import ROUTES
from pgs_task.stock_sync.services import sync_stocks
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.services import fail_group
from pgs_web.trade.group.states import FailReason
from pgs_web.trade.group.tests.in_ledger import change_group
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_orders
from pgs_web.trade.order.states import CancelReason
from pgs_web.trade.order.wishes import OnLatePayment, OnLostSeat, Wishes

RETRY = Wishes(OnLatePayment.RETRY)
MOVE = Wishes(on_lost_seat=OnLostSeat.MOVE)
LEAD = Wishes(on_lost_seat=OnLostSeat.LEAD)
ALONE = Wishes(on_lost_seat=OnLostSeat.ALONE)


def place(activity: Activity, *, member_id: int, wishes: Wishes = Wishes(), **wanted: object) -> Order:  # noqa: B008
    """An order, admitted and written down."""
    admission = make_admission(activity, member_id=member_id, wishes=wishes, **wanted)  # type: ignore[arg-type]
    (verdict,) = admit(admission)
    assert verdict.reply is AdmitReply.ADMITTED, verdict
    drain(activity)
    return Order.objects.get(pk=admission.order_id)


def pay_order(order: Order) -> Payment:
    """The shopper pays in time."""
    return pay(start(order))


@dataclass(frozen=True, kw_only=True)
class LatePayment:
    """An order that was cancelled while its shopper paid: the gateway has the money, its notice comes later."""

    order: Order
    payment: Payment
    trade_no: str = field(repr=False)

    def arrive(self) -> None:
        """The notice comes."""
        send(describe_notice(self.payment, trade_no=self.trade_no))


def make_late_payment(order: Order, *, reason: CancelReason = CancelReason.UNPAID, relayed: bool = True) -> LatePayment:
    """`relayed`: seat and units have gone back."""
    payment = start(order)
    trade = take_at_gateway(payment)
    cancel_orders(order_ids=[order.pk], reason=reason, actor="test")
    if relayed:
        deliver_all(ROUTES)
    return LatePayment(order=order, payment=payment, trade_no=trade.trade_no)


def fail(group_id: int | None) -> None:
    """The group's time is over."""
    assert group_id is not None
    assert fail_if_forming(group_id)


def fail_if_forming(group_id: int) -> bool:
    return fail_group(group_id=group_id, reason=FailReason.TIMEOUT, actor="test")


def let_end(activity: Activity, group_id: int, *, after: timedelta) -> None:
    """Lets a group end so soon, or be over since."""
    deadline = database_now(alias_of_id(group_id)) + after
    Group.objects.filter(pk=group_id).update(deadline=deadline)
    change_group(activity.pk, group_id, opened_ms=to_ms(deadline) - 1000, deadline_ms=to_ms(deadline))


def make_rescues_due(*, overdue: bool = False) -> None:
    """Whatever waits is looked at now; `overdue`: and too late. Who is asked for money is waited for until then."""
    past = DatabaseNow(after=-timedelta(seconds=1))
    for alias in node_aliases():
        rescues = Rescue.objects.on_node(alias).all()
        if overdue:
            rescues.update(next_try_at=past, decide_by=past)
            Order.objects.on_node(alias).filter(decide_by__isnull=False).update(decide_by=past)
        else:
            rescues.exclude(state=RescueState.ASKING).update(next_try_at=past)


def settle() -> None:
    """Everything that follows is done, as relay, clock and logistics do it."""
    logistics = make_consumer(block_ms=1)
    idle_rounds = 0
    for _round in range(20):
        deliver_all(ROUTES)
        make_rescues_due()
        rescues = advance_rescues() + end_overdue_surcharges()
        busy = [bool(rescues), bool(process_due_refunds()), bool(logistics.run_once())]
        # Its first read only makes the group.
        idle_rounds = 0 if any(busy) or waiting_messages() else idle_rounds + 1
        if idle_rounds == 2:
            break
    assert waiting_messages() == []
    sync_stocks()


def rescue_of(order: Order) -> Rescue:
    return Rescue.objects.get(order_id=order.pk)


def money_of(payment: Payment) -> tuple[str, list[str]]:
    """State of the payment, states of its refunds."""
    return Payment.objects.get(pk=payment.pk).state, [refund.state for refund in refunds_of(payment)]
