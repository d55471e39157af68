"""Counts an activity's stock, holds and limits from its orders, beside the ones in use."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pgs_data.clock import to_ms
from pgs_data.ids.texts import short_id
from pgs_data.locks import Lease
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import bucket_of, partitions_of, spread_of
from pgs_data.sharding.slots import node_aliases
from pgs_task.reconciliation.pages import keyset_pages
from pgs_task.reconciliation.scripts import counted_keys
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import LOCKED, SOLD, OrderState
from pgs_web.trade.stock.holds import FINAL, Hold, HoldState
from pgs_web.trade.stock.keys import away_key, away_open_key
from pgs_web.trade.stock.messages import SettleMovement
from pgs_web.trade.stock.scans import iterate_holds
from pgs_web.trade.stock.selectors import read_holds
from pgs_web.trade.stock.services import Settlement, settle_holds

PAGE = 1000
# A rebuild that died leaves its counts behind for so long.
KEPT_SECONDS = 3600


@dataclass(frozen=True)
class Counted:
    """Units of an activity's orders in one bucket, and how many orders there are."""

    lock: int
    sold: int
    orders: int


def count_orders(activity_id: int, lease: Lease) -> list[Counted]:
    """Writes holds and members' units under the lease's own keys; costs the activity's orders on all nodes.

    Of each bucket, home first; most activities have one.
    """
    partitions = partitions_of(activity_id)
    new = [counted_keys(activity_id, partition, fence=lease.fence) for partition in partitions]
    units: Counter[tuple[int, HoldState]] = Counter()
    orders: Counter[int] = Counter()
    limits = Limits(activity_id)
    for partition, keys in zip(partitions, new, strict=True):
        _keep_rejected(activity_id, partition, keys.holds)
    for page in _pages_of_orders(activity_id):
        lease.extend()
        holds: dict[int, dict[str, str]] = defaultdict(dict)
        for order in page:
            bucket, hold = bucket_of(activity_id, order.pk), _hold_of(order)
            holds[bucket][short_id(order.pk)] = hold.pack()
            orders[bucket] += 1
            units[bucket, hold.state] += order.quantity
            if hold.state in (HoldState.LOCKED, HoldState.SOLD):
                limits.add(order_id=order.pk, member_id=order.member_id, quantity=order.quantity)
        for bucket, fields in holds.items():
            _write(ledger(partitions[bucket]), new[bucket].holds, fields)
    limits.keep_open()
    for bucket, partition in enumerate(partitions):
        counted: dict[str, dict[int, Any]] = {
            new[bucket].bought: limits.bought[bucket],
            new[bucket].away: limits.away[bucket],
        }
        for key, fields_of_ids in counted.items():
            items = list(fields_of_ids.items())
            for start in range(0, len(items), PAGE):
                _write(ledger(partition), key, {str(name): value for name, value in items[start : start + PAGE]})
    return [
        Counted(lock=units[bucket, HoldState.LOCKED], sold=units[bucket, HoldState.SOLD], orders=orders[bucket])
        for bucket in range(len(partitions))
    ]


class Limits:
    """Members' units by bucket, and what is taken from limits for orders in other buckets."""

    def __init__(self, activity_id: int) -> None:
        self._activity_id = activity_id
        self.bought: dict[int, Counter[int]] = defaultdict(Counter)
        self.away: dict[int, dict[int, str]] = defaultdict(dict)

    def add(self, *, order_id: int, member_id: int, quantity: int) -> None:
        """Units that the order has."""
        bucket, own = bucket_of(self._activity_id, order_id), bucket_of(self._activity_id, member_id)
        self.bought[bucket][member_id] += quantity
        if bucket != own:
            self.bought[own][member_id] += quantity
            # By an attempt that nobody makes: whoever sends the order again and gives up takes nothing along.
            self.away[own][order_id] = f"{member_id}|{quantity}|rebuilt,"

    def keep_open(self) -> None:
        """What was taken for orders that may still be admitted once there is a stock: sweep_limits settles it."""
        if spread_of(self._activity_id) == 1:
            return
        for own, partition in enumerate(partitions_of(self._activity_id)):
            client = ledger(partition)
            for order, packed in client.hscan_iter(away_key(self._activity_id, partition), count=PAGE):
                order_id, (member, units, _attempts) = int(order), packed.decode().split("|")
                is_open = client.zscore(away_open_key(partition), f"{self._activity_id}|{order_id}") is not None
                if is_open and not Order.objects.filter(pk=order_id).exists() and order_id not in self.away[own]:
                    self.bought[own][int(member)] += int(units)
                    self.away[own][order_id] = packed.decode()


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


def _keep_rejected(activity_id: int, partition: int, new_holds: str) -> None:
    """Rejected orders have no row: their holds are all that their shoppers can see of them."""
    client = ledger(partition)
    page: dict[str, str] = {}
    for order_id, hold in iterate_holds(activity_id, (partition,)):
        if hold.state is HoldState.REJECTED:
            page[short_id(order_id)] = hold.pack()
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
        reason=_reason_of(order, held),
        wishes=order.wishes,
    )


def _reason_of(order: Order, held: HoldState) -> str:
    if held is HoldState.REJECTED:
        return order.reason
    # A cancelled order may be taken up again, one that was refunded may not.
    return FINAL if order.state == OrderState.REFUNDED else ""
