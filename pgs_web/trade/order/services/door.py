"""The only door of an order's state: table, conditional UPDATE, log, outbox and stock entry in one transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F

from pgs_data.clock import database_now
from pgs_data.messaging.outbox import OutboxDraft, append_messages
from pgs_data.sharding.slots import ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_web.trade.coupon.services import give_back_coupons
from pgs_web.trade.order.errors import OrderMovedMeanwhile
from pgs_web.trade.order.messages import payload_of, topics_of_move
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.states import MOVES, SOLD, OrderState
from pgs_web.trade.stock.models import Movement, StockEntry
from pgs_web.trade.stock.services import record_movements

# Orders in one transaction: short enough that a payment waiting for one of them is not noticed.
ORDERS_A_TRANSACTION = 500
# Paid, and nothing has left yet.
UNSENT = frozenset({OrderState.AWAITING_GROUP, OrderState.TO_SHIP})


def move_order(
    *,
    order_id: int,
    from_states: Collection[OrderState],
    to_state: OrderState,
    actor: str,
    reason: str = "",
    paid_at: datetime | None = None,
    group_id: int | None = None,
    columns: Mapping[str, Any] | None = None,
) -> Order | None:
    """Moves one order; None when it does not exist or is in another state (somebody else was first)."""
    moved = move_orders(
        order_ids=[order_id],
        from_states=from_states,
        to_state=to_state,
        actor=actor,
        reason=reason,
        paid_at=paid_at,
        group_id=group_id,
        columns=columns,
    )
    return moved[0] if moved else None


def move_orders(
    *,
    order_ids: Iterable[int],
    from_states: Collection[OrderState],
    to_state: OrderState,
    actor: str,
    reason: str = "",
    paid_at: datetime | None = None,
    group_id: int | None = None,
    columns: Mapping[str, Any] | None = None,
) -> list[Order]:
    """Moves those of the orders that are in one of from_states and returns just them, as they are now.

    One transaction a node and 500 orders: a crash in between leaves some moved with all that belongs to it and the
    others untouched, and the same call again moves the rest. Without a reason an order keeps the one that it has, and
    without a group its group; `columns` are what else changes, also to nothing.
    """
    refused = [state for state in from_states if to_state not in MOVES[state]]
    if refused:
        raise ValueError(f"No order goes from {', '.join(refused)} to {to_state}.")
    moved: list[Order] = []
    told = {"reason": reason, "paid_at": paid_at, "group_id": group_id}
    changes: dict[str, Any] = {"state": to_state, "decide_by": None}
    changes |= {field: value for field, value in told.items() if value}
    changes |= columns or {}
    for alias, ids in _chunks(order_ids):
        with node_transaction(alias):
            moved += _move_on_node(alias, ids, from_states=from_states, changes=changes, actor=actor)
    return moved


def _chunks(order_ids: Iterable[int]) -> Iterator[tuple[str, list[int]]]:
    for alias, ids in ids_by_node(order_ids).items():
        for start in range(0, len(ids), ORDERS_A_TRANSACTION):
            yield alias, ids[start : start + ORDERS_A_TRANSACTION]


def _move_on_node(
    alias: str,
    ids: list[int],
    *,
    from_states: Collection[OrderState],
    changes: dict[str, Any],
    actor: str,
) -> list[Order]:
    moving = [order for order in _lock_orders(alias, ids) if order.state in from_states]
    if not moving:
        return []
    now = database_now(alias)
    changes = {**changes, "updated_at": now, **_promise(to_state=changes["state"], now=now)}
    by_state: dict[OrderState, list[Order]] = defaultdict(list)
    for order in moving:
        by_state[OrderState(order.state)].append(order)
    for from_state, orders in by_state.items():
        _update(alias, orders, from_state=from_state, changes=changes)
        _tell(orders, from_state=from_state, changes=changes, actor=actor, now=now)
        _give_back(alias, orders, from_state=from_state, to_state=changes["state"], now=now)
    return moving


def _lock_orders(alias: str, ids: list[int]) -> list[Order]:
    """The rows, locked until the transaction ends, so that the bulk UPDATE's count says who moved, not only how many.

    By primary key and in its order only: two callers then meet in the same order and do not deadlock, and the
    optimizer has no state index to lock ranges of. SQLite has no row locks and needs none: the transaction began
    with BEGIN IMMEDIATE, there is no second writer.
    """
    return list(Order.objects.on_node(alias).select_for_update().filter(pk__in=ids).order_by("pk"))


def _promise(*, to_state: OrderState, now: datetime) -> dict[str, Any]:
    if to_state == OrderState.REFUNDING:
        return {"refund_by": now + timedelta(seconds=settings.REFUND_WITHIN_SECONDS)}
    return {"refund_by": None} if to_state == OrderState.REFUNDED else {}


def _update(alias: str, orders: list[Order], *, from_state: OrderState, changes: dict[str, Any]) -> None:
    changed = (
        Order.objects.on_node(alias)
        .filter(pk__in=[order.pk for order in orders], state=from_state)
        .update(log_count=F("log_count") + 1, **changes)
    )
    require_moved(changed, expected=len(orders))


def require_moved(changed: int, *, expected: int) -> None:
    """Raises OrderMovedMeanwhile when fewer rows were written than are locked."""
    if changed != expected:
        raise OrderMovedMeanwhile(f"{expected} orders were locked, {changed} moved.")


def _give_back(alias: str, orders: list[Order], *, from_state: OrderState, to_state: OrderState, now: datetime) -> None:
    """Coupons of what isn't bought go back to their members; what has left the house keeps them (docs/adr/0027)."""
    if to_state != OrderState.CANCELLED and not (to_state == OrderState.REFUNDING and from_state in UNSENT):
        return
    discounted = [order.pk for order in orders if order.discount_fen]
    if discounted:
        give_back_coupons(alias=alias, order_ids=discounted, now=now)


def _tell(orders: list[Order], *, from_state: OrderState, changes: dict[str, Any], actor: str, now: datetime) -> None:
    """Log, outbox and stock ledger of a move; the rows in memory become what the database now has."""
    to_state: OrderState = changes["state"]
    for order in orders:
        order.log_count += 1
        for field, value in changes.items():
            setattr(order, field, value)
    OrderLog.objects.bulk_create(
        OrderLog(
            order_id=order.pk,
            sequence=order.log_count,
            from_state=from_state,
            to_state=to_state,
            reason=order.reason,
            actor=actor,
            at=now,
        )
        for order in orders
    )
    append_messages(
        OutboxDraft(topic=topic, shard_key=order.pk, payload=payload_of(order, from_state=from_state, at=now))
        for order in orders
        for topic in topics_of_move(from_state=from_state, to_state=to_state)
    )
    movement = _movement(from_state=from_state, to_state=to_state)
    if movement is not None:
        record_movements(
            StockEntry(
                order_id=order.pk, activity_id=order.activity_id, movement=movement, quantity=order.quantity, at=now
            )
            for order in orders
        )


def _movement(*, from_state: OrderState, to_state: OrderState) -> Movement | None:
    """What a move does to the activity's stock (invariant S6)."""
    if from_state == OrderState.UNPAID:
        return Movement.CONFIRM if to_state in SOLD else Movement.RELEASE
    if from_state == OrderState.CANCELLED:
        return Movement.RETAKE
    return Movement.RETURN if to_state == OrderState.REFUNDED else None
