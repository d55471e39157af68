"""What happens between a shopper, the bank and the clock, cut so that one process's part of it can die anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pgs_data.clock import DatabaseNow
from pgs_data.redis.connections import ledger
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_task.group_expiry.services import cancel_overdue_orders, fail_overdue_groups
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.order_drain.tests.making import drain
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.sandbox_gateway.services import take_money
from pgs_task.payment.services import process_due_refunds, query_waiting_payments
from pgs_task.payment.states import UNFINISHED_REFUNDS, PaymentState
from pgs_task.payment.tests.making import describe_notice, pay, send, start
from pgs_task.routes import ROUTES
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.models import Group
from pgs_web.trade.intake.messages import Admission, AdmitReply
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.errors import WrongState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_unpaid_orders, request_refund, start_refund
from pgs_web.trade.order.states import OrderState, RefundReason
from pgs_web.trade.order.wishes import Wishes

LONG_AGO = timedelta(hours=30)


@dataclass(kw_only=True)
class Scene:
    """Orders of one telling, and their open payments by order id."""

    activity: Activity
    orders: list[int]
    group_id: int = 0
    # What a story keeps of its own.
    told: Any = None

    @property
    def states(self) -> list[str]:
        return [Order.objects.get(pk=order_id).state for order_id in self.orders]

    @property
    def payments(self) -> list[Payment]:
        return [self.payment_of(order_id) for order_id in self.orders]

    def payment_of(self, order_id: int) -> Payment:
        return Payment.objects.on_node(alias_of_id(order_id)).get(order_id=order_id)

    @property
    def group_state(self) -> str:
        return Group.objects.get(pk=self.group_id).state


class Story:
    """`act` is told by the process that dies, the rest by the test."""

    # States of the orders at the end, in their order; what is TO_SHIP then ships.
    ends: Sequence[str] = ()
    group_ends = ""

    # Who orders together; alone when it is one.
    members: Sequence[int] = (1, 251)
    wishes = Wishes()
    # Placed together, because draining costs as much for one as for many.
    told_together = 20
    # Whether its activity is nobody else's.
    has_own_activity = False

    def admit(self, activity: Activity) -> Scene:
        """The orders of one telling: of one member alone, or of a group whose leader comes first."""
        leader = make_admission(activity, member_id=self.members[0], alone=len(self.members) == 1, wishes=self.wishes)
        friends = [make_admission(activity, member_id=member, join=leader.open_group_id) for member in self.members[1:]]
        return admit_scene(activity, leader, *friends)

    def prepare(self, scene: Scene) -> None:
        """Everything between the orders and the part that dies."""

    def act(self, scene: Scene) -> None:
        """The part that dies."""
        raise NotImplementedError

    def tell_again(self, scene: Scene) -> None:
        """What the outside does once more when it got no answer."""

    def recover(self, scene: Scene) -> None:
        """What the others do anyway: the gateway, the relay, the clock's jobs, as if a day had passed."""
        let_leases_end()
        self.tell_again(scene)
        for _ in range(2):
            let_a_day_pass()
            cancel_overdue_orders()
            fail_overdue_groups()
            query_waiting_payments()
            self.run_jobs(scene)
            deliver_all(ROUTES)
            process_due_refunds()
            deliver_all(ROUTES)

    def run_jobs(self, scene: Scene) -> None:
        """Jobs of the clock that are this story's own."""

    def judge(self, scene: Scene) -> None:
        """How it ended: as if nobody had died."""
        assert scene.states == list(self.ends)
        if self.group_ends:
            assert scene.group_state == self.group_ends


class LastPayment(Story):
    """The bank has the money of a group's last payer; the shop hears of it."""

    ends = ("TO_SHIP", "TO_SHIP")
    group_ends = "SUCCEEDED"

    def prepare(self, scene: Scene) -> None:
        pay(start(Order.objects.get(pk=scene.orders[0])))
        deliver_all(ROUTES)
        take_money(payment_id=start(Order.objects.get(pk=scene.orders[1])).pk)

    def act(self, scene: Scene) -> None:
        notify(scene.payment_of(scene.orders[1]))
        deliver_all(ROUTES)

    def tell_again(self, scene: Scene) -> None:
        notify(scene.payment_of(scene.orders[1]))

    def judge(self, scene: Scene) -> None:
        super().judge(scene)
        # Not goods for money that went back.
        assert {payment.state for payment in scene.payments} == {PaymentState.SUCCEEDED}


class Deadline(Story):
    """Nobody paid: closed at the gateway, cancelled, seat and units given back."""

    ends = ("CANCELLED", "CANCELLED")
    group_ends = "SETTLED"

    def prepare(self, scene: Scene) -> None:
        for order_id in scene.orders:
            start(Order.objects.get(pk=order_id))
        let_pay_by_pass(scene.orders)

    def act(self, scene: Scene) -> None:
        cancel_overdue_orders()
        deliver_all(ROUTES)

    def judge(self, scene: Scene) -> None:
        super().judge(scene)
        assert {payment.state for payment in scene.payments} == {PaymentState.CLOSED}


class LatePayment(Story):
    """The order was cancelled while the bank took the money: it goes back."""

    ends = ("CANCELLED",)

    members = (501,)

    def prepare(self, scene: Scene) -> None:
        take_money(payment_id=start(Order.objects.get(pk=scene.orders[0])).pk)
        let_pay_by_pass(scene.orders)
        # Without asking the gateway first: it didn't answer then.
        cancel_unpaid_orders()

    def act(self, scene: Scene) -> None:
        notify(scene.payments[0])
        work()

    def tell_again(self, scene: Scene) -> None:
        notify(scene.payments[0])

    def judge(self, scene: Scene) -> None:
        super().judge(scene)
        assert_given_back(scene.payments[0])


class FailedGroup(Story):
    """The deadline passes with one paid and one unpaid member."""

    ends = ("REFUNDED", "CANCELLED")
    group_ends = "SETTLED"

    def prepare(self, scene: Scene) -> None:
        pay(start(Order.objects.get(pk=scene.orders[0])))
        deliver_all(ROUTES)
        start(Order.objects.get(pk=scene.orders[1]))
        Group.objects.filter(pk=scene.group_id).update(deadline=DatabaseNow(after=-timedelta(minutes=1)))

    def act(self, scene: Scene) -> None:
        fail_overdue_groups()
        work()

    def judge(self, scene: Scene) -> None:
        super().judge(scene)
        assert_given_back(scene.payment_of(scene.orders[0]))


class ThreeCauses(Story):
    """The shopper and an operator both want the money back, and the message about it comes twice."""

    ends = ("REFUNDED",)

    members = (501,)

    def prepare(self, scene: Scene) -> None:
        pay(start(Order.objects.get(pk=scene.orders[0])))
        deliver_all(ROUTES)

    def act(self, scene: Scene) -> None:
        self._ask(scene)
        start_refund(order_id=scene.orders[0], reason=RefundReason.BY_OPERATOR, actor="operator")
        work()

    def tell_again(self, scene: Scene) -> None:
        if scene.states == [OrderState.TO_SHIP]:
            self._ask(scene)

    def judge(self, scene: Scene) -> None:
        super().judge(scene)
        assert_given_back(scene.payments[0])

    def _ask(self, scene: Scene) -> None:
        order = Order.objects.get(pk=scene.orders[0])
        try:
            request_refund(member_id=order.member_id, order_id=order.pk)
        except WrongState:
            assert order.state in {OrderState.REFUNDING, OrderState.REFUNDED}


def place_scenes(activity: Activity, story: Story, *, number: int) -> list[Scene]:
    """So many tellings' orders, all unpaid."""
    scenes = [story.admit(activity) for _ in range(number)]
    drain(activity)
    return scenes


def admit_scene(activity: Activity, *admissions: Admission) -> Scene:
    """The orders, admitted; the first one's group is the scene's."""
    for admission in admissions:
        assert [verdict.reply for verdict in admit(admission)] == [AdmitReply.ADMITTED]
    return Scene(
        activity=activity,
        orders=[admission.order_id for admission in admissions],
        group_id=admissions[0].open_group_id or 0,
    )


def notify(payment: Payment) -> None:
    """The gateway's notice of a trade that it took, the same each time."""
    trade = take_money(payment_id=payment.pk)
    assert trade is not None
    assert trade.taken_at is not None
    send(describe_notice(payment, trade_no=trade.trade_no, paid_at=trade.taken_at.isoformat()))


def work() -> None:
    """A relay and a worker, until refunds are done."""
    deliver_all(ROUTES)
    process_due_refunds()
    deliver_all(ROUTES)


def let_pay_by_pass(order_ids: Sequence[int]) -> None:
    for order_id in order_ids:
        Order.objects.filter(pk=order_id).update(pay_by=DatabaseNow(after=-timedelta(minutes=1)))


def let_leases_end() -> None:
    """Whoever died holds nothing any more."""
    for key in ledger().scan_iter("{lock:*}:holder"):
        ledger().delete(key)


def let_a_day_pass() -> None:
    """What has to wait for its next try is due."""
    past = DatabaseNow(after=-LONG_AGO)
    for alias in node_aliases():
        Payment.objects.on_node(alias).filter(state=PaymentState.WAITING).update(next_query_at=past)
        Refund.objects.on_node(alias).filter(state__in=UNFINISHED_REFUNDS).update(next_try_at=past)


def assert_given_back(payment: Payment) -> None:
    refunds = Refund.objects.filter(payment_id=payment.pk)
    assert [(refund.state, refund.amount_fen) for refund in refunds] == [("SUCCEEDED", payment.amount_fen)]
    assert payment.state == PaymentState.REFUNDED
