"""O1 and E2 to E5: what was admitted is written down, what was written down had its effects, once."""

from collections.abc import Iterator

from pgs_data.clock import database_now
from pgs_data.messaging.models import OutboxMessage
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count
from pgs_data.sharding.slots import ids_by_node, node_aliases
from pgs_task.reconciliation.contract import When, make_check
from pgs_task.reconciliation.grace import OUTBOX_GRACE
from pgs_web.display.activity.models import Activity
from pgs_web.trade.delivery.models import Shipment
from pgs_web.trade.group.models import Seat
from pgs_web.trade.group.states import SeatState
from pgs_web.trade.intake.keys import flow_key, intake_key
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import LOCKED, SOLD, OrderState
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.scans import iterate_holds

CHUNK = 1000
_FLOW = ("accepted", "persisted", "rejected")
HOLD_OF_ORDER = {
    **dict.fromkeys(LOCKED, HoldState.LOCKED),
    **dict.fromkeys(SOLD, HoldState.SOLD),
    OrderState.CANCELLED: HoldState.GIVEN_BACK,
    OrderState.REFUNDED: HoldState.GIVEN_BACK,
}
SEATS_OF_ORDER = {
    OrderState.UNPAID: {SeatState.HELD},
    OrderState.AWAITING_GROUP: {SeatState.PAID},
    OrderState.TO_SHIP: {SeatState.CONFIRMED},
    OrderState.SHIPPED: {SeatState.CONFIRMED},
    OrderState.COMPLETED: {SeatState.CONFIRMED},
    OrderState.CANCELLED: {SeatState.RELEASED},
    # A member who takes an order back after the group's success keeps the seat; see docs/journey_of_an_order.md.
    OrderState.REFUNDING: {SeatState.PAID, SeatState.REFUNDED, SeatState.CONFIRMED, SeatState.HELD},
    OrderState.REFUNDED: {SeatState.REFUNDED, SeatState.CONFIRMED},
}


def _pages_of_holds() -> Iterator[dict[int, Hold]]:
    page: dict[int, Hold] = {}
    for activity_id in Activity.objects.order_by("id").values_list("id", flat=True).iterator(CHUNK):
        for order_id, hold in iterate_holds(activity_id):
            page[order_id] = hold
            if len(page) >= CHUNK:
                yield page
                page = {}
    yield page


def _states_of(order_ids: list[int]) -> dict[int, str]:
    states: dict[int, str] = {}
    for alias, ids in ids_by_node(order_ids).items():
        states |= dict(Order.objects.on_node(alias).filter(id__in=ids).values_list("id", "state"))
    return states


@make_check("O1", When.QUIET, "accepted = persisted ∪ rejected with a reason that the shopper can see")
def nothing_accepted_is_lost() -> Iterator[str]:
    found = 0
    for page in _pages_of_holds():
        states = _states_of(list(page))
        found += len(states)
        for order_id, hold in page.items():
            if order_id not in states and not (hold.state is HoldState.REJECTED and hold.reason):
                yield f"order {order_id} was accepted, its hold is {hold.state.name}, and no node has it"
    persisted = sum(Order.objects.on_node(alias).count() for alias in node_aliases())
    if persisted != found:
        yield f"{persisted} orders on the nodes, {found} of them with a hold in Redis"


@make_check("E2", When.QUIET, "each transition had its effect exactly once: hold and seat follow their order")
def effects_follow_orders() -> Iterator[str]:
    for page in _pages_of_holds():
        states = _states_of(list(page))
        for order_id, state in states.items():
            expected = HOLD_OF_ORDER[OrderState(state)]
            if page[order_id].state is not expected:
                yield f"order {order_id} is {state}, its hold {page[order_id].state.name}"
    for alias in node_aliases():
        yield from _seats_beside_orders(alias)
        yield from _shipments_beside_orders(alias)


def _seats_beside_orders(alias: str) -> Iterator[str]:
    seats = Seat.objects.on_node(alias).order_by("id")
    last_id = 0
    while page := list(seats.filter(id__gt=last_id)[:CHUNK]):
        last_id = page[-1].id
        states = _states_of([seat.order_id for seat in page])
        for seat in page:
            state = states.get(seat.order_id)
            if state is None or seat.state not in SEATS_OF_ORDER[OrderState(state)]:
                yield f"order {seat.order_id} is {state}, its seat in group {seat.group_id} {seat.state}"


def _shipments_beside_orders(alias: str) -> Iterator[str]:
    shipped = Order.objects.on_node(alias).filter(state__in=[OrderState.SHIPPED, OrderState.COMPLETED])
    bare = shipped.exclude(id__in=Shipment.objects.on_node(alias).values("order_id"))
    for order_id in bare.values_list("id", flat=True).iterator(CHUNK):
        yield f"order {order_id} counts as shipped without a shipment"
    waiting = Order.objects.on_node(alias).filter(state=OrderState.TO_SHIP)
    for order_id in waiting.values_list("id", flat=True).iterator(CHUNK):
        yield f"order {order_id} is TO_SHIP and nothing is on its way to ship it"


@make_check("E3", When.QUIET, "the outbox is empty; its oldest row is younger than 60 s")
def outbox_is_empty() -> Iterator[str]:
    for alias in node_aliases():
        late = database_now(alias) - OUTBOX_GRACE
        for message in OutboxMessage.objects.on_node(alias).order_by("id").iterator(CHUNK):
            age = " for more than a minute" if message.created_at < late else ""
            yield f"{alias}: {message.topic} of {message.shard_key} waits{age}: {message.last_error or 'not tried yet'}"


@make_check("E4", When.ALWAYS, "no stream is trimmed past what is persisted")
def streams_keep_what_is_open() -> Iterator[str]:
    for partition in range(partition_count()):
        # One transaction: an entry that is persisted and trimmed between two reads would look like a loss.
        pipeline = ledger(partition).pipeline(transaction=True)
        pipeline.hmget(flow_key(partition), _FLOW)
        pipeline.xlen(intake_key(partition))
        values, length = pipeline.execute()
        accepted, persisted, rejected = (int(value or 0) for value in values)
        if accepted - length > persisted + rejected:
            yield f"partition {partition}: {accepted} accepted, {persisted + rejected} done, {length} left"


@make_check("E5", When.QUIET, "persisted + rejected = accepted, per partition")
def flow_adds_up() -> Iterator[str]:
    for partition in range(partition_count()):
        accepted, persisted, rejected = _flow(partition)
        if accepted != persisted + rejected:
            yield f"partition {partition}: {accepted} accepted, {persisted} persisted, {rejected} rejected"


def _flow(partition: int) -> tuple[int, int, int]:
    values = ledger(partition).hmget(flow_key(partition), _FLOW)
    accepted, persisted, rejected = (int(value or 0) for value in values)
    return accepted, persisted, rejected


CHECKS = [nothing_accepted_is_lost, effects_follow_orders, outbox_is_empty, streams_keep_what_is_open, flow_adds_up]
