"""Orders that have left, and requests about them."""

from datetime import timedelta
from typing import Any

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.trade.after_sale.models import AfterSaleLog, AfterSaleRequest
from pgs_web.trade.after_sale.services import RequestWish, ask_for_refund
from pgs_web.trade.after_sale.states import RequestCause, RequestKind
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.services import confirm_receipt, mark_paid, mark_shipped
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.order.tests.making import make_order

WISH = RequestWish(kind=RequestKind.REFUND_ONLY, cause=RequestCause.DAMAGED, amount_fen=300, text="碎了 <b>")


def make_shipped(**order: Any) -> Order:
    """An order of 990 fen, paid and sent."""
    made = make_order(**order)
    assert mark_paid(order_id=made.pk, paid_at=database_now(alias_of_id(made.pk)))
    mark_shipped(order_ids=[made.pk])
    made.refresh_from_db()
    return made


def make_received(*, days_ago: int, **order: Any) -> Order:
    """One whose receipt was confirmed so many days ago."""
    made = make_shipped(**order)
    confirm_receipt(order_id=made.pk, actor="test")
    log = OrderLog.objects.filter(order_id=made.pk, to_state=OrderState.COMPLETED)
    log.update(at=database_now(alias_of_id(made.pk)) - timedelta(days=days_ago))
    return made


def make_request(order: Order | None = None, **wish: Any) -> AfterSaleRequest:
    """A request about a shipped order."""
    order = order or make_shipped()
    facts = {"kind": WISH.kind, "cause": WISH.cause, "amount_fen": 300, **wish}
    return ask_for_refund(member_id=order.member_id, order_id=order.pk, wish=RequestWish(**facts))[0]


def log_of(request: AfterSaleRequest) -> list[tuple[str, str, str]]:
    """(from, to, actor) of every move; its sequence is checked on the way."""
    rows = list(AfterSaleLog.objects.filter(request_id=request.pk).order_by("sequence"))
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    return [(row.from_state, row.to_state, row.actor) for row in rows]
