"""Counts an activity's stock, holds and limits from its orders, beside the ones in use."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pgs_data.clock import to_ms
from pgs_data.locks import Lease
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import node_aliases
from pgs_task.reconciliation.pages import keyset_pages
from pgs_task.reconciliation.scripts import counted_keys
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import LOCKED, SOLD, OrderState
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.messages import SettleMovement
from pgs_web.trade.stock.scans import iterate_holds
from pgs_web.trade.stock.selectors import read_holds
from pgs_web.trade.stock.services import Settlement, settle_holds

PAGE = 1000
# A rebuild that died leaves its counts behind for so long.
KEPT_SECONDS = 3600


@dataclass(frozen=True)
class Counted:
    """Units of an activity's orders, and how many orders there are."""

    lock: int
    sold: int
    orders: int


def count_orders(activity_id: int, lease: Lease) -> Counted:
    """Writes holds and members' units under the lease's own keys; costs the activity's orders on all nodes."""
    client = ledger(partition_of(activity_id))
    new_bought, new_holds = counted_keys(activity_id, fence=lease.fence)
    bought: Counter[int] = Counter()
    units: Counter[HoldState] = Counter()
    orders = 0
    _keep_rejected(activity_id, new_holds)
    for page in _pages_of_orders(activity_id):
        lease.extend()
        orders += len(page)
        holds = {order.pk: _hold_of(order) for order in page}
        _write(client, new_holds, {str(order_id): hold.pack() for order_id, hold in holds.items()})
        for order in page:
            state = holds[order.pk].state
            units[state] += order.quantity
            if state in (HoldState.LOCKED, HoldState.SOLD):
                bought[order.member_id] += order.quantity
    members = list(bought.items())
    for start in range(0, len(members), PAGE):
        _write(client, new_bought, {str(member): count for member, count in members[start : start + PAGE]})
    return Counted(lock=units[HoldState.LOCKED], sold=units[HoldState.SOLD], orders=orders)


def settle_what_moved(activity_id: int) -> int:
    """Lets the restored holds follow orders that moved while they were counted; returns how many did.

    Their messages may have found no hold at all and be gone. One that still comes finds its work done.
    """
    moved = 0
    for page in _pages_of_orders(activity_id):
        holds = read_holds([(activity_id, order.pk) for order in page])
        settlements = [
            Settlement(activity_id=activity_id, order_id=order.pk, movement=movement)
            for order in page
            if (movement := _movement(holds.get(order.pk), order)) is not None
        ]
        settle_holds(settlements=settlements)
        moved += len(settlements)
    return moved


def _movement(hold: Hold | None, order: Order) -> SettleMovement | None:
    if hold is None or hold.state is _hold_of(order).state:
        return None
    if OrderState(order.state) in SOLD:
        return SettleMovement.CONFIRM
    return SettleMovement.RETURN if hold.state is HoldState.SOLD else SettleMovement.RELEASE


def _keep_rejected(activity_id: int, new_holds: str) -> None:
    """Rejected orders have no row: their holds are all that their shoppers can see of them."""
    client = ledger(partition_of(activity_id))
    page: dict[str, str] = {}
    for order_id, hold in iterate_holds(activity_id):
        if hold.state is HoldState.REJECTED:
            page[str(order_id)] = hold.pack()
        if len(page) >= PAGE:
            _write(client, new_holds, page)
            page = {}
    _write(client, new_holds, page)


def _write(client: Any, key: str, fields: dict[str, Any]) -> None:
    if fields:
        pipeline = client.pipeline(transaction=True)
        pipeline.hset(key, mapping=fields)
        pipeline.expire(key, KEPT_SECONDS)
        pipeline.execute()


def _pages_of_orders(activity_id: int) -> Iterator[list[Order]]:
    for alias in node_aliases():
        yield from keyset_pages(Order.objects.on_node(alias).filter(activity_id=activity_id), size=PAGE)


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
        accepted_ms=to_ms(order.accepted_at),
        pay_by_ms=to_ms(order.pay_by),
        unit_price_fen=order.unit_price_fen,
        address_id=order.address_id,
        ticket=0,
        position=0,
        eta_seconds=0,
        reason=order.reason if held is HoldState.REJECTED else "",
    )
