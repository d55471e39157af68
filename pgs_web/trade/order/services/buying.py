"""What happens to an unpaid order: it is paid, or it is cancelled."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import node_aliases
from pgs_web.trade.order.errors import refuse_state
from pgs_web.trade.order.models import Order, OrderMode
from pgs_web.trade.order.selectors import get_order
from pgs_web.trade.order.services.door import move_order, move_orders
from pgs_web.trade.order.states import CancelReason, OrderState


def mark_paid(*, order_id: int, paid_at: datetime) -> bool:
    """Takes the payment of an UNPAID order; False when it is too late, then the money goes back.

    Call it inside the node transaction that books the money, so that both are committed or neither.
    """
    # The mode of an unpaid order doesn't change, so reading it before the lock is no race.
    mode = Order.objects.filter(pk=order_id).values_list("mode", flat=True).first()
    to_state = OrderState.TO_SHIP if mode == OrderMode.ALONE else OrderState.AWAITING_GROUP
    moved = move_order(
        order_id=order_id, from_states={OrderState.UNPAID}, to_state=to_state, actor="payment", paid_at=paid_at
    )
    return moved is not None


def cancel_order(*, order_id: int, reason: CancelReason, actor: str) -> Order:
    """Cancels an UNPAID order for an operator; raises WrongState, NotFound from get_order."""
    return _cancel(get_order(order_id=order_id), reason=reason, actor=actor)


def cancel_own_order(*, member_id: int, order_id: int) -> Order:
    """Cancels a member's UNPAID order; raises NotFound and WrongState."""
    order = get_order(order_id=order_id, member_id=member_id)
    return _cancel(order, reason=CancelReason.BY_MEMBER, actor=f"member:{member_id}")


def _cancel(order: Order, *, reason: CancelReason, actor: str) -> Order:
    cancelled = move_order(
        order_id=order.pk,
        from_states={OrderState.UNPAID},
        to_state=OrderState.CANCELLED,
        reason=reason,
        actor=actor,
    )
    if cancelled is None:
        # It may have been paid since it was read: tell the state that won.
        raise refuse_state(get_order(order_id=order.pk).state)
    return cancelled


def cancel_orders(*, order_ids: Iterable[int], reason: CancelReason, actor: str) -> list[Order]:
    """Cancels those of the orders that are UNPAID; the others are left alone."""
    return move_orders(
        order_ids=order_ids,
        from_states={OrderState.UNPAID},
        to_state=OrderState.CANCELLED,
        reason=reason,
        actor=actor,
    )


def cancel_unpaid_orders(*, limit: int = 500, prepare: Callable[[Sequence[int]], Collection[int]] | None = None) -> int:
    """Cancels up to limit orders a node whose time to pay is over; costs what is due. Returns how many.

    Only the database's clock counts. `prepare` gets the orders first, outside of transactions: payment closes them at
    the gateway. Those that it returns couldn't be closed: they are left for the next run, UNPAID_CLOSE_SECONDS at most,
    because a gateway that is away must not keep units from others. A payment that comes before the move keeps its
    order. Every node is served before an outage is raised.
    """
    cancelled, outages = 0, []
    for alias in node_aliases():
        try:
            order_ids = due_orders(alias, limit=limit)
            if order_ids and prepare is not None:
                order_ids = _without_open(alias, order_ids, prepare(order_ids))
            cancelled += len(cancel_orders(order_ids=order_ids, reason=CancelReason.UNPAID, actor="clock"))
        except OperationalError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return cancelled


def _without_open(alias: str, order_ids: Sequence[int], unclosed: Collection[int]) -> list[int]:
    """The orders but those whose payment is still open at the gateway, unless they have waited for it long enough."""
    waiting = set(unclosed)
    if waiting:
        patience = timedelta(seconds=settings.UNPAID_GRACE_SECONDS + settings.UNPAID_CLOSE_SECONDS)
        late = Order.objects.on_node(alias).filter(pk__in=waiting, pay_by__lte=DatabaseNow(after=-patience))
        waiting -= set(late.values_list("pk", flat=True))
    return [order_id for order_id in order_ids if order_id not in waiting]


def due_orders(alias: str, *, limit: int) -> list[int]:
    """UNPAID orders of a node whose time to pay and grace are over on its own clock, the longest due first."""
    grace = timedelta(seconds=settings.UNPAID_GRACE_SECONDS)
    due = Order.objects.on_node(alias).filter(state=OrderState.UNPAID, pay_by__lte=DatabaseNow(after=-grace))
    return list(due.order_by("pay_by").values_list("pk", flat=True)[:limit])
