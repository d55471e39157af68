"""O1 and E2 to E5: what was admitted is written down, what was written down had its effects, once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import database_now
from pgs_data.messaging.models import OutboxMessage
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count
from pgs_data.sharding.slots import ids_by_node, node_aliases
from pgs_data.sharding.spans import key_spans, pages_by_span
from pgs_task.order_drain.queue import read_open_orders, streams_of
from pgs_task.reconciliation.contract import When, make_check
from pgs_task.reconciliation.grace import OUTBOX_GRACE
from pgs_task.reconciliation.pages import keyset_pages
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.selectors import find_archived
from pgs_web.trade.delivery.models import Shipment
from pgs_web.trade.group.admitted import read_packed_groups
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.packed import PackedGroup
from pgs_web.trade.group.states import ACTIVE_SEATS, GroupState, SeatState
from pgs_web.trade.intake.documents import LaterVersion
from pgs_web.trade.intake.keys import flow_key
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import LOCKED, SOLD, OrderState
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.scans import iterate_holds
from pgs_web.trade.stock.selectors import read_holds

CHUNK = 1000
GROUPS_A_PAGE = 500
REJECTED = OrderState.REJECTED.value
_FLOW = ("accepted", "persisted", "rejected")
HOLD_OF_ORDER: dict[str, HoldState] = {
    **dict.fromkeys(LOCKED, HoldState.LOCKED),
    **dict.fromkeys(SOLD, HoldState.SOLD),
    OrderState.CANCELLED: HoldState.GIVEN_BACK,
    OrderState.REFUNDED: HoldState.GIVEN_BACK,
    OrderState.REJECTED: HoldState.REJECTED,
}
SEATS_OF_ORDER: dict[str, set[SeatState]] = {
    OrderState.UNPAID: {SeatState.HELD},
    OrderState.AWAITING_GROUP: {SeatState.PAID},
    OrderState.TO_SHIP: {SeatState.CONFIRMED},
    OrderState.SHIPPED: {SeatState.CONFIRMED},
    OrderState.COMPLETED: {SeatState.CONFIRMED},
    OrderState.CANCELLED: {SeatState.RELEASED},
    # A member who takes an order back after the group's success keeps the seat; see docs/journey_of_an_order.md.
    OrderState.REFUNDING: {SeatState.PAID, SeatState.REFUNDED, SeatState.CONFIRMED, SeatState.HELD},
    OrderState.REFUNDED: {SeatState.REFUNDED, SeatState.CONFIRMED},
    OrderState.REJECTED: {SeatState.RELEASED},
}


def _pages_of_holds() -> Iterator[dict[int, Hold]]:
    page: dict[int, Hold] = {}
    in_redis = Activity.objects.exclude(stock__archived_at__isnull=False).order_by("id")
    for activity_id in in_redis.values_list("id", flat=True).iterator(CHUNK):
        for order_id, hold in iterate_holds(activity_id):
            page[order_id] = hold
            if len(page) >= CHUNK:
                yield page
                page = {}
    yield page


def _states_of(order_ids: Iterable[int]) -> dict[int, str]:
    states: dict[int, str] = {}
    for alias, ids in ids_by_node(order_ids).items():
        states |= dict(Order.objects.on_node(alias).filter(id__in=ids).values_list("id", "state"))
    return states


class _Place(NamedTuple):
    """Of an order; `is_being_decided` when it has lost its place in a group, and it is open what becomes of it."""

    state: str
    group_id: int | None
    is_being_decided: bool


def _places_of(order_ids: Iterable[int]) -> dict[int, _Place]:
    places: dict[int, _Place] = {}
    for alias, ids in ids_by_node(order_ids).items():
        rows = Order.objects.on_node(alias).filter(id__in=ids).values_list("id", "state", "group_id", "decide_by")
        for order_id, state, group_id, decide_by in rows:
            places[order_id] = _Place(state, group_id, decide_by is not None)
    return places


@make_check("O1", When.QUIET, _("accepted = persisted ∪ rejected with a reason that the shopper can see"))
def nothing_accepted_is_lost() -> Iterator[str]:
    for page in _pages_of_holds():
        states = _states_of(page)
        for order_id, hold in page.items():
            if order_id not in states and not (hold.state is HoldState.REJECTED and hold.reason):
                yield f"order {order_id} was accepted, its hold is {hold.state.name}, and no node has it"
    for alias in node_aliases():
        for orders in keyset_pages(Order.objects.on_node(alias).only("id", "activity_id", "state"), size=CHUNK):
            held = read_holds([(order.activity_id, order.pk) for order in orders])
            bare = [order for order in orders if order.pk not in held]
            archived = find_archived(order.activity_id for order in bare)
            for order in bare:
                if order.activity_id not in archived:
                    yield (
                        f"order {order.pk} on {alias} is {order.state} and has no hold in Redis; run rebuild_stock"
                        f" {order.activity_id}"
                    )


@make_check("E2", When.QUIET, _("each transition had its effect exactly once: hold and seat follow their order"))
def effects_follow_orders() -> Iterator[str]:
    for page in _pages_of_holds():
        states = _states_of(page)
        for order_id, state in states.items():
            expected = HOLD_OF_ORDER.get(state)
            if page[order_id].state is not expected:
                found = page[order_id].state.name
                yield f"order {order_id} is {state}, its hold is {found}, not {expected.name if expected else 'known'}"
    for alias in node_aliases():
        yield from _seats_beside_orders(alias)
        yield from _orders_without_seat(alias)
        yield from _groups_beside_redis(alias)
        yield from _shipments_beside_orders(alias)


def _seats_beside_orders(alias: str) -> Iterator[str]:
    seats = Seat.objects.on_node(alias).only("id", "order_id", "group_id", "state")
    for page in keyset_pages(seats, size=CHUNK):
        places = _places_of([seat.order_id for seat in page])
        for seat in page:
            # An order that was rejected has no row, and gave its seat up (O1 has its reason).
            place = places.get(seat.order_id, _Place(REJECTED, seat.group_id, False))
            allowed = SEATS_OF_ORDER.get(place.state, set())
            if place.group_id != seat.group_id:
                # The order has gone on to another group, or is bought alone.
                allowed = {SeatState.RELEASED}
            elif place.is_being_decided:
                # Paid, and never counted.
                allowed = allowed | {SeatState.HELD, SeatState.RELEASED}
            if seat.state not in allowed:
                state = place.state if seat.order_id in places else "nowhere"
                yield f"order {seat.order_id} is {state}, its seat in group {seat.group_id} on {alias} is {seat.state}"


def _orders_without_seat(alias: str) -> Iterator[str]:
    in_groups = Order.objects.on_node(alias).filter(group_id__isnull=False).only("id", "group_id", "state")
    for page in pages_by_span(in_groups, size=CHUNK):
        groups = {order.pk: order.group_id for order in page if order.group_id is not None}
        seated: set[int] = set()
        for node, group_ids in ids_by_node(groups.values()).items():
            seats = Seat.objects.on_node(node).filter(group_id__in=group_ids, order_id__in=list(groups))
            seated.update(seats.values_list("order_id", flat=True))
        for order in page:
            if order.pk not in seated:
                yield f"order {order.pk} on {alias} is {order.state} and has no seat in its group {order.group_id}"


def _groups_beside_redis(alias: str) -> Iterator[str]:
    """Whether Redis lets people into groups exactly as the database will have it."""
    groups = Group.objects.on_node(alias).only("id", "activity_id", "state")
    for page in keyset_pages(groups, size=GROUPS_A_PAGE):
        in_redis = read_packed_groups([(group.activity_id, group.pk) for group in page])
        seats: dict[int, dict[int, int]] = defaultdict(dict)
        forming = [group.pk for group in page if group.state == GroupState.FORMING]
        active = Seat.objects.on_node(alias).filter(group_id__in=forming, state__in=ACTIVE_SEATS)
        for group_id, member_id, order_id in active.values_list("group_id", "member_id", "order_id"):
            seats[group_id][member_id] = order_id
        leaving = _leaving(in_redis, seats)
        for group in page:
            found = in_redis.get(group.pk)
            where = f"group {group.pk} on {alias} is {group.state}"
            if group.state != GroupState.FORMING:
                # Two days after its deadline the hash is gone.
                if found is not None and not found.is_closed:
                    yield f"{where} and open in Redis: people can still join it"
            elif found is None:
                yield f"{where} and unknown to Redis: nobody can join it; run rebuild_stock {group.activity_id}"
            else:
                taken = {member: order for member, order in found.seats.items() if order not in leaving}
                if found.is_closed:
                    yield f"{where} and closed in Redis: nobody can join it"
                if taken != seats[group.pk] or found.held != len(found.seats):
                    yield (
                        f"{where}: Redis counts {found.held} seats, of orders {sorted(found.seats.values())};"
                        f" the database has {sorted(seats[group.pk].values())}"
                    )


def _leaving(in_redis: Mapping[int, PackedGroup], seats: Mapping[int, dict[int, int]]) -> set[int]:
    """Orders whose seat is free in the database and not yet in Redis, which waits for the money's way back."""
    extra = {
        order_id
        for group_id, found in in_redis.items()
        if group_id in seats
        for order_id in found.seats.values()
        if order_id not in seats[group_id].values()
    }
    return {order_id for order_id, state in _states_of(extra).items() if state == OrderState.REFUNDING}


def _shipments_beside_orders(alias: str) -> Iterator[str]:
    orders, shipments = Order.objects.on_node(alias), Shipment.objects.on_node(alias)
    for span in key_spans(orders):
        shipped = orders.filter(span.of("id"), state__in=[OrderState.SHIPPED, OrderState.COMPLETED])
        bare = shipped.exclude(Exists(shipments.filter(span.of("order_id"), order_id=OuterRef("id"))))
        for order_id in bare.values_list("id", flat=True):
            yield f"order {order_id} on {alias} counts as shipped and has no shipment"
    for page in pages_by_span(orders.filter(state=OrderState.TO_SHIP).only("id"), size=CHUNK):
        for order in page:
            yield f"order {order.pk} on {alias} is still TO_SHIP: is consume_logistics running?"


@make_check("E3", When.QUIET, _("the outbox is empty; its oldest row is younger than 60 s"))
def outbox_is_empty() -> Iterator[str]:
    for alias in node_aliases():
        late = database_now(alias) - OUTBOX_GRACE
        for page in keyset_pages(OutboxMessage.objects.on_node(alias), size=CHUNK):
            for message in page:
                age = " for more than a minute" if message.created_at < late else ""
                why = message.last_error or "not tried yet: is relay_outbox running?"
                yield f"message {message.pk} on {alias}: {message.topic} of {message.shard_key} waits{age}: {why}"


@make_check("E4", When.ALWAYS, _("no stream is trimmed past what is persisted"))
def streams_keep_what_is_open() -> Iterator[str]:
    for partition in range(partition_count()):
        # One transaction: an entry that is persisted and trimmed between two reads would look like a loss.
        pipeline = ledger(partition).pipeline(transaction=True)
        pipeline.hmget(flow_key(partition), _FLOW)
        for stream in streams_of(partition):
            pipeline.xlen(stream)
        values, *lengths = pipeline.execute()
        accepted, persisted, rejected = (int(value or 0) for value in values)
        if accepted - sum(lengths) <= persisted + rejected:
            continue
        # An entry may hold many orders: only now is it worth to read them. What is done meanwhile counts as done, what
        # comes meanwhile wasn't accepted before.
        try:
            left = len(read_open_orders(partition))
        except LaterVersion as error:
            yield f"partition {partition} can't be judged by this program, which is older than a receiver: {error}"
            continue
        _accepted, persisted, rejected = _flow(partition)
        if accepted - left > persisted + rejected:
            lost = accepted - left - persisted - rejected
            yield (
                f"partition {partition} lost at least {lost} orders that nobody wrote down: {accepted} accepted,"
                f" {persisted} persisted, {rejected} rejected, {left} left in the streams"
            )


@make_check("E5", When.QUIET, _("persisted + rejected = accepted, per partition"))
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
