"""A loss becomes a rescue, or a refund at once where the shopper wished for nothing else."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count

from pgs_data.clock import database_now
from pgs_data.sharding.slots import ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_task.rescue.models import Rescue
from pgs_task.rescue.states import RescueCause, RescueState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import lock_unseated, set_decide_by, start_refunds
from pgs_web.trade.order.states import RefundReason

ORDERS_A_TRANSACTION = 500


def lose_seats(*, groups: Mapping[int, int], reasons: Mapping[int, RefundReason] | None = None) -> None:
    """Paid orders (order → group) whose group came to nothing: each is refunded, or rescued where its shopper wished.

    `reasons`: of orders that lost it for another cause than the group's end; nobody looks for another place for these.
    Orders that don't wait for this group any more are left alone, so it may be told twice, and late. One transaction a
    node and 500 orders; dying in between leaves the rest to the repetition.
    """
    for alias, order_ids in ids_by_node(groups).items():
        for start in range(0, len(order_ids), ORDERS_A_TRANSACTION):
            batch = {order_id: groups[order_id] for order_id in order_ids[start : start + ORDERS_A_TRANSACTION]}
            with node_transaction(alias):
                _lose_on_node(alias, batch, reasons or {})


def open_late_rescues(*, payments: Mapping[int, int]) -> None:
    """Begins the rescue of orders of one node (payment → order) that were paid late; each once, however often told."""
    alias, *_others = ids_by_node(payments)
    with node_transaction(alias):
        now = database_now(alias)
        orders = Order.objects.on_node(alias).select_for_update().in_bulk(list(payments.values()))
        known = set(
            Rescue.objects.on_node(alias)
            .filter(order_id__in=list(payments.values()), cause=RescueCause.LATE_PAYMENT)
            .values_list("reference", flat=True)
        )
        Rescue.objects.on_node(alias).bulk_create(
            _draft(order, cause=RescueCause.LATE_PAYMENT, reference=payment_id, now=now, decide_by=order.decide_by)
            for payment_id, order_id in payments.items()
            if payment_id not in known and (order := orders.get(order_id)) is not None and order.decide_by is not None
        )


def _lose_on_node(alias: str, groups: Mapping[int, int], reasons: Mapping[int, RefundReason]) -> None:
    # A rescue that is under way has been told of its loss before.
    unseated = [order for order in lock_unseated(alias=alias, groups=groups) if order.decide_by is None]
    wishing = _may_be_rescued(
        alias, [order for order in unseated if order.told.may_take_another_place and order.pk not in reasons]
    )
    saved = {order.pk for order in wishing}
    lost: dict[RefundReason, list[int]] = defaultdict(list)
    for order in unseated:
        if order.pk not in saved:
            lost[reasons.get(order.pk, RefundReason.GROUP_FAILED)].append(order.pk)
    for reason, order_ids in lost.items():
        start_refunds(order_ids=order_ids, reason=reason, actor="group")
    if not wishing:
        return
    now = database_now(alias)
    decide_by = now + timedelta(seconds=settings.RESCUE_WITHIN_SECONDS)
    Rescue.objects.on_node(alias).bulk_create(
        _draft(order, cause=RescueCause.LOST_SEAT, reference=groups[order.pk], now=now, decide_by=decide_by)
        for order in wishing
    )
    set_decide_by(alias=alias, order_ids=saved, decide_by=decide_by)


def _may_be_rescued(alias: str, orders: Sequence[Order]) -> list[Order]:
    """Those that have not been through as many groups as anybody is asked to wait for."""
    rows = Rescue.objects.on_node(alias).filter(
        order_id__in=[order.pk for order in orders], cause=RescueCause.LOST_SEAT
    )
    had = dict(rows.values_list("order_id").annotate(rescues=Count("id")).order_by()) if orders else {}
    return [order for order in orders if had.get(order.pk, 0) < settings.RESCUES_AN_ORDER]


def _draft(order: Order, *, cause: RescueCause, reference: int, now: datetime, decide_by: datetime) -> Rescue:
    is_late = cause == RescueCause.LATE_PAYMENT
    return Rescue(
        order_id=order.pk,
        cause=cause,
        wish=order.told.on_late_payment if is_late else order.told.on_lost_seat,
        reference=reference,
        state=RescueState.OPEN,
        next_try_at=now,
        decide_by=decide_by,
        created_at=now,
    )
