"""Stories told like those of stories.py: rescues, after-sale, withdrawal, extension, archive, the books of a day."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest.mock import patch

from django.db.models import QuerySet

from pgs_data import clock
from pgs_data.clock import DatabaseNow, database_now, to_ms
from pgs_data.redis.connections import ledger
from pgs_data.sharding.slots import alias_of_id
from pgs_task.group_expiry.services import end_withdrawn_groups, extend_groups_of_incidents, fail_overdue_groups
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.states import PaymentState
from pgs_task.payment.tests.making import pay, refunds_of, start
from pgs_task.reconciliation.tests.making import settle
from pgs_task.rescue.services import advance_rescues
from pgs_task.rescue.tests.making import LEAD, MOVE, RETRY, make_rescues_due
from pgs_task.routes import ROUTES
from pgs_task.settlement.adding_up import MerchantSums, add_up
from pgs_task.settlement.models import MerchantDay
from pgs_task.settlement.services import settle_day
from pgs_task.statements.models import StatementDay
from pgs_task.statements.services import compare_day
from pgs_task.stock_archive.keys import all_keys_of
from pgs_task.stock_archive.services import archive_activities
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.after_sale.models import AfterSaleLog, AfterSaleRequest
from pgs_web.trade.after_sale.services import RequestWish, approve_request, ask_for_refund
from pgs_web.trade.after_sale.states import RequestCause, RequestKind, RequestState
from pgs_web.trade.group.models import DeadlineExtension, Group, GroupExtension, GroupLog
from pgs_web.trade.group.services import ask_extension
from pgs_web.trade.group.tests.in_ledger import read_group
from pgs_web.trade.intake.tests.making import make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.stock.limits import sweep_limits
from pgs_web.trade.stock.sales import advance_sales, end_sale, withdraw_sale
from tests.faults.stories import (
    FailedGroup,
    LatePayment,
    Scene,
    Story,
    admit_scene,
    work,
)

LONG_AGO = timedelta(days=-8)
MINUTES = 30


class RetriedLatePayment(LatePayment):
    """The money comes after the cancellation, and the shopper wished for another try: the order is taken up again."""

    ends = ("TO_SHIP",)
    wishes = RETRY

    def act(self, scene: Scene) -> None:
        super().act(scene)
        rescue()

    def run_jobs(self, scene: Scene) -> None:
        rescue()

    def judge(self, scene: Scene) -> None:
        Story.judge(self, scene)
        assert_kept(scene)


class MovedSeat(Story):
    """The group comes to nothing; who paid in it wished to move, and completes somebody else's."""

    ends: Sequence[str] = ("TO_SHIP", "TO_SHIP")
    group_ends = "SETTLED"
    wishes = MOVE
    # Whoever moves may move into any group that waits.
    told_together = 1

    def admit(self, activity: Activity) -> Scene:
        loser = make_admission(activity, member_id=self.members[0], wishes=self.wishes)
        others = [make_admission(activity, member_id=member) for member in self.members[1:]]
        scene = admit_scene(activity, loser, *others)
        scene.told = [other.open_group_id for other in others]
        return scene

    def prepare(self, scene: Scene) -> None:
        for order_id in scene.orders:
            pay(start(Order.objects.get(pk=order_id)))
        deliver_all(ROUTES)
        Group.objects.filter(pk=scene.group_id).update(deadline=DatabaseNow(after=-timedelta(minutes=1)))

    def act(self, scene: Scene) -> None:
        fail_overdue_groups()
        rescue()

    def run_jobs(self, scene: Scene) -> None:
        rescue()

    def judge(self, scene: Scene) -> None:
        super().judge(scene)
        assert_kept(scene)
        self.judge_new_group(Order.objects.get(pk=scene.orders[0]), scene)

    def judge_new_group(self, moved: Order, scene: Scene) -> None:
        assert [moved.group_id] == scene.told
        assert Group.objects.get(pk=moved.group_id).state == "SUCCEEDED"


class NewLeader(MovedSeat):
    """The same, and who paid wished to lead a new group: it waits for others."""

    ends = ("AWAITING_GROUP",)
    wishes = LEAD
    members = (1,)

    def judge_new_group(self, moved: Order, scene: Scene) -> None:
        group = Group.objects.get(pk=moved.group_id)
        assert (group.pk != scene.group_id, group.state, group.paid_count) == (True, "FORMING", 1)
        assert group.leader_member_id == moved.member_id


class AfterSale(Story):
    """A part of the money for goods that were sent goes back: asked for, approved, refunded."""

    ends = ("SHIPPED",)
    members = (501,)

    def prepare(self, scene: Scene) -> None:
        pay_and_ship(scene)

    def act(self, scene: Scene) -> None:
        self.tell_again(scene)
        work()

    def tell_again(self, scene: Scene) -> None:
        (order,) = Order.objects.for_ids(scene.orders)
        request = requests_of(order.pk).first()
        if request is None:
            wish = RequestWish(kind=RequestKind.REFUND_ONLY, cause=RequestCause.DAMAGED, amount_fen=40)
            request, _is_new = ask_for_refund(member_id=order.member_id, order_id=order.pk, wish=wish)
        if request.state == RequestState.REQUESTED:
            approve_request(request_id=request.pk, actor="desk")

    def judge(self, scene: Scene) -> None:
        super().judge(scene)
        (payment,) = scene.payments
        assert [(refund.state, refund.amount_fen) for refund in refunds_of(payment)] == [("SUCCEEDED", 40)]
        assert (payment.state, payment.refunded_fen) == (PaymentState.SUCCEEDED, 40)
        (request,) = requests_of(scene.orders[0])
        assert (request.state, request.log_count) == (RequestState.DONE, 3)
        assert AfterSaleLog.objects.filter(request_id=request.pk).count() == 3


class WithdrawnActivity(FailedGroup):
    """An operator takes the activity back while a group of it runs."""

    has_own_activity = True

    def prepare(self, scene: Scene) -> None:
        pay(start(Order.objects.get(pk=scene.orders[0])))
        deliver_all(ROUTES)
        start(Order.objects.get(pk=scene.orders[1]))

    def act(self, scene: Scene) -> None:
        self.tell_again(scene)
        end_withdrawn_groups()
        work()

    def tell_again(self, scene: Scene) -> None:
        if Activity.objects.get(pk=scene.activity.pk).state != ActivityState.WITHDRAWN:
            withdraw_sale(activity_id=scene.activity.pk, actor="desk", reason="recalled")

    def run_jobs(self, scene: Scene) -> None:
        advance_sales()
        end_withdrawn_groups()


class ExtendedGroup(Story):
    """A group that lost minutes to an incident gets them, once."""

    ends = ("UNPAID", "UNPAID")
    group_ends = "FORMING"
    has_own_activity = True

    def prepare(self, scene: Scene) -> None:
        group = Group.objects.get(pk=scene.group_id)
        Group.objects.filter(pk=group.pk).update(opened_at=group.opened_at - timedelta(minutes=20))
        scene.told = group.deadline

    def act(self, scene: Scene) -> None:
        self.tell_again(scene)
        extend_groups_of_incidents()
        deliver_all(ROUTES)

    def tell_again(self, scene: Scene) -> None:
        if not DeadlineExtension.objects.filter(activity_id=scene.activity.pk).exists():
            now = database_now("default")
            ask_extension(
                from_at=now - timedelta(minutes=10),
                to_at=now - timedelta(seconds=1),
                minutes=MINUTES,
                reason="gateway down",
                actor="desk",
                activity_id=scene.activity.pk,
            )

    def run_jobs(self, scene: Scene) -> None:
        extend_groups_of_incidents()

    def judge(self, scene: Scene) -> None:
        super().judge(scene)
        deadline = scene.told + timedelta(minutes=MINUTES)
        assert Group.objects.get(pk=scene.group_id).deadline == deadline
        assert read_group(scene.activity.pk, scene.group_id).deadline_ms == to_ms(deadline)
        assert GroupExtension.objects.filter(group_id=scene.group_id).count() == 1
        assert GroupLog.objects.filter(group_id=scene.group_id, reason="extended").count() == 1
        # A job looks at so many open ones only; this one's time is over.
        DeadlineExtension.objects.filter(activity_id=scene.activity.pk).update(until=DatabaseNow())


class ArchivedActivity(Story):
    """An activity that is long over leaves the ledger, and its figures stay."""

    ends = ("SHIPPED",)
    members = (501,)
    has_own_activity = True

    def prepare(self, scene: Scene) -> None:
        pay_and_ship(scene)
        end_sale(activity_id=scene.activity.pk, actor="desk")
        settle()
        sweep_limits(bars_after_ms=0)
        Activity.objects.filter(pk=scene.activity.pk).update(updated_at=DatabaseNow(after=LONG_AGO))
        ActivityStock.objects.filter(pk=scene.activity.pk).update(synced_at=DatabaseNow(after=LONG_AGO))

    def act(self, scene: Scene) -> None:
        archive_activities()

    def run_jobs(self, scene: Scene) -> None:
        archive_activities()

    def judge(self, scene: Scene) -> None:
        super().judge(scene)
        stock = ActivityStock.objects.get(pk=scene.activity.pk)
        assert stock.archived_at is not None
        assert (stock.total - stock.remain, stock.lock, stock.sold) == (1, 0, 1)
        assert [key for partition, key in all_keys_of(scene.activity.pk) if ledger(partition).exists(key)] == []


class BooksOfADay(Story):
    """The day is over: its statement is compared, and what the merchants earned is computed."""

    ends = ("SHIPPED",)
    members = (501,)

    def prepare(self, scene: Scene) -> None:
        pay_and_ship(scene)
        scene.told = day_of(database_now("default"))

    def act(self, scene: Scene) -> None:
        self.run_jobs(scene)

    def run_jobs(self, scene: Scene) -> None:
        with tomorrow():
            compare_day(gateway="sandbox", day=scene.told)
            settle_day(day=scene.told)

    def judge(self, scene: Scene) -> None:
        super().judge(scene)
        day = StatementDay.objects.get(gateway="sandbox", day=scene.told)
        assert (day.state, day.error, day.difference_count) == ("FITS", "", 0)
        rows = MerchantDay.objects.filter(day=scene.told)
        kept = {row.merchant_id: MerchantSums(**{name: getattr(row, name) for name in SUMS}) for row in rows}
        assert kept == add_up(day=scene.told)


SUMS = tuple(MerchantSums.__dataclass_fields__)
RARER_STORIES = (
    RetriedLatePayment(),
    MovedSeat(),
    NewLeader(),
    AfterSale(),
    WithdrawnActivity(),
    ExtendedGroup(),
    ArchivedActivity(),
    BooksOfADay(),
)


def rescue() -> None:
    """A relay and the sweeper of rescues, until whoever lost a place has another one."""
    deliver_all(ROUTES)
    make_rescues_due()
    advance_rescues()
    deliver_all(ROUTES)


def pay_and_ship(scene: Scene) -> None:
    for order_id in scene.orders:
        pay(start(Order.objects.get(pk=order_id)))
    settle()


def requests_of(order_id: int) -> QuerySet[AfterSaleRequest]:
    return AfterSaleRequest.objects.on_node(alias_of_id(order_id)).filter(order_id=order_id)


def assert_kept(scene: Scene) -> None:
    """Nobody's money went back."""
    assert {(payment.state, payment.refunded_fen) for payment in scene.payments} == {(PaymentState.SUCCEEDED, 0)}
    assert [refunds_of(payment) for payment in scene.payments] == [[]] * len(scene.payments)


@contextmanager
def tomorrow() -> Iterator[None]:
    """The jobs that look back at a day believe that today is over."""

    def a_day_later(alias: str) -> datetime:
        return clock.database_now(alias) + timedelta(days=1)

    with (
        patch("pgs_task.statements.services.days.database_now", a_day_later),
        patch("pgs_task.settlement.services.database_now", a_day_later),
    ):
        yield
