"""Recomputes an activity's stock, holds and limits in Redis from its orders, while nobody can buy."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgs_data.locks import FencedLock, Lease
from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Script
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of, tag
from pgs_data.sharding.slots import node_aliases
from pgs_task.reconciliation.group_rebuild import restore_groups
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.services import pause_activity, resume_activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.intake.keys import flow_key
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import LOCKED, SOLD, OrderState
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.keys import activity_key, bought_key, changed_key, holds_key, stock_key
from pgs_web.trade.stock.services import facts_of, set_activity_gate

_restore_stock = Script.load("pgs_task.reconciliation", "restore_stock")

LOCK_MS = 60_000
PAGE = 1000
# The database's copy may be some changes behind what Redis had: the new version must be above both.
VERSION_LEAP = 1_000_000
ON_SALE = (ActivityState.SCHEDULED, ActivityState.RUNNING)


class RebuildFailed(RuntimeError):
    """The stock could not be rebuilt; the activity stays paused, nothing was sold meanwhile."""


@dataclass(frozen=True)
class RebuiltStock:
    activity_id: int
    total: int
    remain: int
    lock: int
    sold: int
    orders: int
    groups: int


def rebuild_stock(*, activity_id: int, drain_seconds: float = 30) -> RebuiltStock:
    """Pauses the activity, waits for its stream to be written down, counts its orders, and opens it again if it was
    on sale. Costs the activity's orders. Raises RebuildFailed, LockHeld, Activity.DoesNotExist.

    Dies in between: the activity is paused without a stock, so nothing is sold, and the rebuild can be run again.
    Events of its orders wait in the outbox meanwhile (no stock: retried later); one that was counted already finds
    its hold moved on and changes nothing.
    """
    activity = Activity.objects.select_related("stock", "sku__product").get(pk=activity_id)
    with FencedLock(f"rebuild_stock:{activity_id}", ttl_ms=LOCK_MS) as lease:
        was_on_sale = activity.state in ON_SALE
        if was_on_sale:
            pause_activity(activity_id=activity_id, actor="rebuild_stock", reason="the stock is recomputed")
        client = ledger(partition_of(activity_id))
        # Closed before the stream is watched, dropped before the orders are counted: nobody comes in between.
        facts: dict[Any, Any] = {**facts_of(activity), "state": ActivityState.PAUSED.value}
        client.hset(activity_key(activity_id), mapping=facts)
        _wait_for_drain(partition_of(activity_id), drain_seconds, lease)
        client.delete(stock_key(activity_id))
        rebuilt = _restore(activity, lease)
        if was_on_sale:
            resume_activity(activity_id=activity_id, actor="rebuild_stock", reason="the stock was recomputed")
        activity.refresh_from_db()
        set_activity_gate(activity_id=activity_id, state=ActivityState(activity.state))
    return rebuilt


def _wait_for_drain(partition: int, seconds: float, lease: Lease) -> None:
    deadline = time.monotonic() + seconds
    while True:
        values = ledger(partition).hmget(flow_key(partition), ["accepted", "persisted", "rejected"])
        accepted, persisted, rejected = (int(value or 0) for value in values)
        if accepted <= persisted + rejected:
            return
        if time.monotonic() > deadline:
            raise RebuildFailed(
                f"{accepted - persisted - rejected} orders of partition {partition} are not in a database yet. Start"
                " the drain (manage.py drain_orders), or wait for the node that is away, and run this again."
            )
        lease.extend()
        time.sleep(0.1)


def _restore(activity: Activity, lease: Lease) -> RebuiltStock:
    activity_id = activity.pk
    client = ledger(partition_of(activity_id))
    new_bought, new_holds = f"{bought_key(activity_id)}:new", f"{holds_key(activity_id)}:new"
    client.delete(new_bought, new_holds)
    bought: Counter[int] = Counter()
    units: Counter[HoldState] = Counter()
    orders = 0
    for page in _pages_of_orders(activity_id):
        lease.extend()
        orders += len(page)
        holds = {order.pk: _hold_of(order) for order in page}
        client.hset(new_holds, mapping={str(order_id): hold.pack() for order_id, hold in holds.items()})
        for order in page:
            state = holds[order.pk].state
            units[state] += order.quantity
            if state in (HoldState.LOCKED, HoldState.SOLD):
                bought[order.member_id] += order.quantity
    members = list(bought.items())
    for start in range(0, len(members), PAGE):
        client.hset(new_bought, mapping={str(member): count for member, count in members[start : start + PAGE]})
    groups = restore_groups(activity)
    copy = getattr(activity, "stock", None)
    total = copy.total if copy else activity.stock_total
    lock, sold = units[HoldState.LOCKED], units[HoldState.SOLD]
    remain = total - lock - sold
    if remain < 0:
        raise RebuildFailed(
            f"The orders of activity {activity_id} have {lock + sold} units, its total is {total}: oversold by"
            f" {-remain}. Raise the total or cancel orders, then run this again; until then nobody can buy."
        )
    version = (copy.version if copy else 0) + VERSION_LEAP
    lease.extend()
    _write(activity_id, [total, remain, lock, sold, version], lease)
    return RebuiltStock(activity_id, total, remain, lock, sold, orders, groups)


def _write(activity_id: int, figures: list[int], lease: Lease) -> None:
    partition = partition_of(activity_id)
    reply = _restore_stock(
        ledger(partition),
        keys={
            "stock": stock_key(activity_id),
            "bought": bought_key(activity_id),
            "holds": holds_key(activity_id),
            "new_bought": f"{bought_key(activity_id)}:new",
            "new_holds": f"{holds_key(activity_id)}:new",
            "fence": f"{tag(partition)}:rebuild_fence:{activity_id:d}",
            "changed": changed_key(partition),
        },
        args={
            "activity_id": str(activity_id),
            "figures": pack([str(figure) for figure in figures]),
            "my_fence": lease.fence,
        },
    )
    if reply != b"RESTORED":
        raise RebuildFailed(f"Somebody else rebuilt or loaded the stock of activity {activity_id} meanwhile.")


def _pages_of_orders(activity_id: int) -> Iterator[list[Order]]:
    for alias in node_aliases():
        orders = Order.objects.on_node(alias).filter(activity_id=activity_id).order_by("id")
        last_id = 0
        while page := list(orders.filter(id__gt=last_id)[:PAGE]):
            last_id = page[-1].pk
            yield page


def _hold_of(order: Order) -> Hold:
    """The hold as the scripts would have it, but for the queue's figures, which nobody asks for any more."""
    state = OrderState(order.state)
    if state in LOCKED:
        held = HoldState.LOCKED
    elif state in SOLD:
        held = HoldState.SOLD
    else:
        held = HoldState.REJECTED if state is OrderState.REJECTED else HoldState.GIVEN_BACK
    return Hold(
        state=held,
        quantity=order.quantity,
        member_id=order.member_id,
        group_id=order.group_id,
        accepted_ms=_milliseconds(order.accepted_at),
        pay_by_ms=_milliseconds(order.pay_by),
        unit_price_fen=order.unit_price_fen,
        amount_fen=order.amount_fen,
        group_deadline_ms=None,
        address_id=order.address_id,
        position=0,
        eta_seconds=0,
        reason=order.reason if held is HoldState.REJECTED else "",
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
