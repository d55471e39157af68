"""Orders that lost their seat and whose shopper was asked for the surcharge, for tests."""

from pgs_data.sharding.slots import alias_of_id
from pgs_task.handlers.tests.making import deliver_all
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.tests.making import describe_notice, pay, send, start, take_at_gateway
from pgs_task.rescue.services import advance_rescues
from pgs_task.rescue.tests.making import ALONE, fail, pay_order, place
from pgs_task.routes import ROUTES
from pgs_web.display.activity.models import Activity
from pgs_web.trade.order.dues import DuePurpose, surcharge_of
from pgs_web.trade.order.models import Order
from pgs_web.trade.stock.tests.making import make_sale

PRICE_FEN, ALONE_FEN = 1_000, 1_400
EACH_FEN = ALONE_FEN - PRICE_FEN


def make_offer(**rules: int) -> Activity:
    """Ten units, in groups of two for less than alone."""
    wanted = {"stock": 10, "group_size": 2, "member_limit": 3, "alone_price_fen": ALONE_FEN, **rules}
    return make_sale(price_fen=PRICE_FEN, **wanted)


def make_asked(activity: Activity, *, member_id: int = 1, quantity: int = 1) -> Order:
    """A paid order whose group failed; its shopper may pay the surcharge."""
    order = place(activity, member_id=member_id, wishes=ALONE, quantity=quantity)
    pay_order(order)
    lose_group(order)
    return order


def lose_group(order: Order) -> None:
    """The paid order's group fails; its shopper is asked."""
    fail(order.group_id)
    deliver_all(ROUTES)
    advance_rescues()
    order.refresh_from_db()


def pay_surcharge(order: Order) -> Payment:
    """The shopper pays it, and the notice arrives."""
    return pay(start(order))


def take_surcharge(order: Order) -> tuple[Payment, dict[str, object]]:
    """The shopper pays it; payment, and the notice that comes later."""
    payment = start(order)
    trade = take_at_gateway(payment)
    return payment, describe_notice(payment, trade_no=trade.trade_no)


def arrive(notice: dict[str, object]) -> None:
    send(notice)


def surcharge_said(order: Order) -> tuple[int, str] | None:
    """Amount and state, as the shopper sees them."""
    said = surcharge_of(Order.objects.get(pk=order.pk))
    return None if said is None else (said.amount_fen, said.state.value)


def payments_of(order: Order) -> dict[str, list[str]]:
    """Purpose → states of its payments, the first ones first."""
    rows = Payment.objects.on_node(alias_of_id(order.pk)).filter(order_id=order.pk).order_by("pk")
    return {
        purpose.value: [row.state for row in rows if row.purpose == purpose]
        for purpose in DuePurpose
        if any(row.purpose == purpose for row in rows)
    }


def refunds_of_order(order: Order) -> list[tuple[str, int, str]]:
    """Number, amount and state of each, by the payment that was made first."""
    rows = Refund.objects.on_node(alias_of_id(order.pk)).filter(order_id=order.pk).order_by("payment_id", "pk")
    return [(row.refund_no, row.amount_fen, row.state) for row in rows]
