"""A shop in which everything has happened: every order went the way of a shopper's, and all is quiet."""

from dataclasses import dataclass
from datetime import timedelta

from pgs_task.handlers.tests.making import deliver_all
from pgs_task.logistics.services import make_consumer
from pgs_task.order_drain.tests.making import drain
from pgs_task.payment.services import process_due_refunds
from pgs_task.payment.tests.making import pay, start
from pgs_task.reconciliation.runner import ALL_CHECKS, judge, run_checks
from pgs_task.routes import ROUTES
from pgs_task.stock_sync.services import sync_stocks
from pgs_web.display.activity.models import Activity
from pgs_web.trade.after_sale.services import RequestWish, approve_request, ask_for_refund
from pgs_web.trade.after_sale.states import RequestCause, RequestKind
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.services import fail_group
from pgs_web.trade.group.states import FailReason
from pgs_web.trade.intake.messages import AdmitReply
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_own_order, confirm_receipt, start_refund
from pgs_web.trade.order.states import OrderState, RefundReason
from pgs_web.trade.stock.tests.making import make_sale

UNITS = 40


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Ids of orders and groups by what became of them; members are on all three nodes."""

    activity: Activity
    orders: dict[str, int]
    groups: dict[str, int]

    def order(self, name: str) -> Order:
        return Order.objects.get(pk=self.orders[name])

    def group(self, name: str) -> Group:
        return Group.objects.get(pk=self.groups[name])


def make_shop() -> Shop:
    """A sale with a group of each fate, orders alone of each fate, and a rejected order; a second sale without any."""
    activity = make_sale(stock=UNITS, group_size=2, member_limit=3, pay_within_seconds=600)
    make_sale(stock=5)
    make_sale(stock=5, starts_in=timedelta(hours=1))
    orders: dict[str, int] = {}
    groups: dict[str, int] = {}
    for name, members in {"full": (1, 251), "waiting": (501, 11), "failed": (511, 261)}.items():
        groups[name] = place(orders, f"{name}_leader", activity, member_id=members[0], quantity=2)
        place(orders, f"{name}_joiner", activity, member_id=members[1], join=groups[name])
    for number, name in enumerate(("unpaid", "cancelled", "shipped", "completed", "refunded")):
        place(orders, name, activity, member_id=21 + 250 * number, alone=True)
    groups["opened"] = place(orders, "writable", activity, member_id=31, key="one-key")
    # Past the claim of the key, as only somebody who meddles can.
    groups["of_rejected"] = place(orders, "rejected", activity, member_id=31, key="one-key")
    drain(activity)
    for name in ("full_leader", "full_joiner", "waiting_leader", "failed_leader", "shipped", "completed", "refunded"):
        pay_order(orders[name])
    cancel_own_order(member_id=271, order_id=orders["cancelled"])
    start_refund(order_id=orders["refunded"], reason=RefundReason.BY_OPERATOR, actor="test")
    settle()
    confirm_receipt(order_id=orders["completed"], actor="test")
    give_back_a_part(orders["completed"])
    assert fail_group(group_id=groups["failed"], reason=FailReason.TIMEOUT, actor="test")
    settle()
    shop = Shop(activity=activity, orders=orders, groups=groups)
    assert {name: shop.order(name).state for name in orders if name != "rejected"} == {
        "full_leader": OrderState.SHIPPED,
        "full_joiner": OrderState.SHIPPED,
        "waiting_leader": OrderState.AWAITING_GROUP,
        "waiting_joiner": OrderState.UNPAID,
        "failed_leader": OrderState.REFUNDED,
        "failed_joiner": OrderState.CANCELLED,
        "unpaid": OrderState.UNPAID,
        "cancelled": OrderState.CANCELLED,
        "shipped": OrderState.SHIPPED,
        "completed": OrderState.COMPLETED,
        "refunded": OrderState.REFUNDED,
        "writable": OrderState.UNPAID,
    }
    return shop


def place(orders: dict[str, int], name: str, activity: Activity, **wish: object) -> int:
    """An admitted order under this name; the group that it opened, 0 when none."""
    admission = make_admission(activity, **wish)  # type: ignore[arg-type]
    (verdict,) = admit(admission)
    assert verdict.reply is AdmitReply.ADMITTED, verdict
    orders[name] = admission.order_id
    return admission.open_group_id or 0


def pay_order(order_id: int) -> None:
    """The shopper pays at the gateway and its notice arrives."""
    pay(start(Order.objects.get(pk=order_id)))


def give_back_a_part(order_id: int) -> None:
    """A fen of a shipped order goes back as after-sale service does it."""
    wish = RequestWish(kind=RequestKind.REFUND_ONLY, cause=RequestCause.DAMAGED, amount_fen=1)
    request, _is_new = ask_for_refund(member_id=Order.objects.get(pk=order_id).member_id, order_id=order_id, wish=wish)
    approve_request(request_id=request.pk, actor="test")


def settle() -> None:
    """Everything that is on its way arrives: messages, shipments, refunds, the copy of the stock."""
    for _ in range(3):
        deliver_all(ROUTES)
        consumer = make_consumer(block_ms=1)
        while consumer.run_once():
            pass
        # Its first read only makes the group.
        while consumer.run_once():
            pass
        process_due_refunds()
    sync_stocks()


def broken() -> dict[str, list[str]]:
    """Id → offenders of every check that fails now."""
    return {verdict.check.id: verdict.offenders for verdict in run_checks() if not verdict.is_ok}


def offenders_of(check_id: str) -> list[str]:
    """What one check says now."""
    return next(judge(check).offenders for check in ALL_CHECKS if check.id == check_id)
