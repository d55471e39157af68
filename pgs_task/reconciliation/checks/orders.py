"""O2 to O7: orders and their logs."""

from collections.abc import Iterator

from django.db.models import Count, F, Sum

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_task.reconciliation.contract import When, make_check
from pgs_task.reconciliation.grace import UNPAID_GRACE
from pgs_web.display.activity.models import Activity
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.states import LOCKED, MOVES, SOLD, OrderState
from pgs_web.trade.stock.scans import iterate_bought_units

CHUNK = 2000


@make_check("O2", When.ALWAYS, "one (member, idempotency key), one order")
def one_order_a_key() -> Iterator[str]:
    for alias in node_aliases():
        doubles = (
            Order.objects.on_node(alias)
            .values("member_id", "idempotency_key")
            .annotate(orders=Count("id"))
            .filter(orders__gt=1)
        )
        for row in doubles.iterator(CHUNK):
            yield f"member {row['member_id']} key {row['idempotency_key']}: {row['orders']} orders on {alias}"


@make_check("O3", When.ALWAYS, "an order id exists once, on the node that the id names")
def order_on_its_node() -> Iterator[str]:
    # A node holds an id once (primary key), so an id that is only where its slot says exists once.
    for alias in node_aliases():
        for order_id in Order.objects.on_node(alias).values_list("id", flat=True).iterator(CHUNK):
            if alias_of_id(order_id) != alias:
                yield f"order {order_id} is on {alias}, its id says {alias_of_id(order_id)}"


@make_check("O4", When.QUIET, "units of a member in an activity are within its limit and as Redis counts them")
def units_within_limit() -> Iterator[str]:
    limits = dict(Activity.objects.values_list("id", "member_limit"))
    counted: dict[tuple[int, int], int] = {}
    # A member's orders are all on the member's node, so no sum crosses nodes.
    for alias in node_aliases():
        sums = (
            Order.objects.on_node(alias)
            .filter(state__in=LOCKED | SOLD)
            .values_list("activity_id", "member_id")
            .annotate(units=Sum("quantity"))
            .order_by()
        )
        for activity_id, member_id, units in sums.iterator(CHUNK):
            counted[activity_id, member_id] = units
            if units > limits.get(activity_id, 0):
                yield f"member {member_id} has {units} units of activity {activity_id}, limit {limits.get(activity_id)}"
    for activity_id, member_id, units in iterate_bought_units(limits):
        expected = counted.pop((activity_id, member_id), 0)
        if units != expected:
            yield f"activity {activity_id} member {member_id}: Redis counts {units}, the orders say {expected}"
    for (activity_id, member_id), units in counted.items():
        yield f"activity {activity_id} member {member_id}: Redis counts nothing, the orders say {units}"


@make_check("O5", When.ALWAYS, "every logged transition is allowed and follows the one before it")
def log_is_a_chain() -> Iterator[str]:
    for alias in node_aliases():
        logs = (
            OrderLog.objects.on_node(alias)
            .order_by("order_id", "sequence")
            .values_list("order_id", "sequence", "from_state", "to_state")
        )
        current, expected_sequence, state = 0, 1, ""
        for order_id, sequence, from_state, to_state in logs.iterator(CHUNK):
            if order_id != current:
                current, expected_sequence, state = order_id, 1, ""
            is_first = from_state == "" and to_state == OrderState.ACCEPTED
            is_allowed = is_first if state == "" else to_state in MOVES[OrderState(from_state)]
            if from_state != state or sequence != expected_sequence or not is_allowed:
                yield f"order {order_id} log {sequence}: {state or 'start'} then {from_state} → {to_state}"
            state, expected_sequence = to_state, sequence + 1
        yield from _orders_beside_their_log(alias)


def _orders_beside_their_log(alias: str) -> Iterator[str]:
    orders = Order.objects.on_node(alias).order_by("id").values_list("id", "state", "log_count")
    last_id = 0
    while page := list(orders.filter(id__gt=last_id)[:CHUNK]):
        last_id = page[-1][0]
        logs = OrderLog.objects.on_node(alias).filter(order_id__in=[row[0] for row in page])
        last_states = {
            order_id: (sequence, to_state)
            for order_id, sequence, to_state in logs.order_by("order_id", "sequence").values_list(
                "order_id", "sequence", "to_state"
            )
        }
        for order_id, state, log_count in page:
            if last_states.get(order_id) != (log_count, state):
                yield f"order {order_id} is {state} after {log_count} moves, its log ends {last_states.get(order_id)}"


@make_check("O6", When.ALWAYS, "amount = quantity × the price snapshot − discounts, and positive")
def amount_is_right() -> Iterator[str]:
    for alias in node_aliases():
        wrong = Order.objects.on_node(alias).exclude(
            amount_fen=F("quantity") * F("unit_price_fen") - F("discount_fen"), amount_fen__gt=0
        )
        for order in wrong.iterator(CHUNK):
            yield f"order {order.pk}: {order.amount_fen} fen for {order.quantity} × {order.unit_price_fen}"


@make_check("O7", When.QUIET, "nothing is stuck past its deadline")
def nothing_stuck() -> Iterator[str]:
    for alias in node_aliases():
        now = database_now(alias)
        orders = Order.objects.on_node(alias)
        for order in orders.filter(state=OrderState.UNPAID, pay_by__lt=now - UNPAID_GRACE).iterator(CHUNK):
            yield f"order {order.pk} is UNPAID, to be paid by {order.pay_by:%F %T}"
        for order in orders.filter(state=OrderState.REFUNDING, refund_by__lt=now).iterator(CHUNK):
            yield f"order {order.pk} is REFUNDING, promised by {order.refund_by:%F %T}"
        for order in orders.filter(state=OrderState.ACCEPTED).iterator(CHUNK):
            yield f"order {order.pk} is a row and still ACCEPTED"


CHECKS = [
    one_order_a_key,
    order_on_its_node,
    units_within_limit,
    log_is_a_chain,
    amount_is_right,
    nothing_stuck,
]
