"""O2 to O7: orders and their logs."""

import re
from collections.abc import Iterator

from django.db.models import Count, Exists, F, OuterRef, Q, Sum
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id, node_aliases, slot_of_id, slot_of_key
from pgs_task.reconciliation.contract import When, make_check
from pgs_task.reconciliation.grace import RESCUE_GRACE, UNPAID_GRACE
from pgs_task.reconciliation.pages import keyset_pages
from pgs_web.display.activity.models import Activity, ActivityLog
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.states import RequestState
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.states import LOCKED, MOVES, SOLD, OrderState
from pgs_web.trade.stock.scans import iterate_bought_units

CHUNK = 2000
# What update_rules writes into the log of an activity whose limit was changed.
CHANGED_LIMIT = re.compile(r"\bmember_limit: (\d+) →")
_FOLLOWERS: dict[str, frozenset[OrderState]] = {state.value: after for state, after in MOVES.items()}


@make_check("O2", When.ALWAYS, _("one (member, idempotency key), one order"))
def one_order_a_key() -> Iterator[str]:
    for alias in node_aliases():
        doubles = (
            Order.objects.on_node(alias)
            .values("member_id", "idempotency_key")
            .annotate(orders=Count("id"))
            .filter(orders__gt=1)
            .order_by()
        )
        for row in doubles.iterator(CHUNK):
            yield f"member {row['member_id']} key {row['idempotency_key']}: {row['orders']} orders on {alias}"
        # All orders of a member share a slot, so one node's index on the key is enough. One elsewhere is beyond it.
        for order_id, member_id in Order.objects.on_node(alias).values_list("id", "member_id").iterator(CHUNK):
            if slot_of_id(order_id) != slot_of_key(member_id):
                yield (
                    f"order {order_id} on {alias} is outside the slot of its member {member_id}: another order with"
                    " the same key would not be noticed"
                )


@make_check("O3", When.ALWAYS, _("an order id exists once, on the node that the id names"))
def order_on_its_node() -> Iterator[str]:
    # A node holds an id once (primary key), so an id that is only where its slot says exists once.
    for alias in node_aliases():
        for order_id in Order.objects.on_node(alias).values_list("id", flat=True).iterator(CHUNK):
            if alias_of_id(order_id) != alias:
                yield f"order {order_id} is on {alias}, its id says {alias_of_id(order_id)}"


@make_check("O4", When.QUIET, _("units of a member in an activity are within its limit and as Redis counts them"))
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
    yield from _above_limit(limits, counted)
    archived = set(Activity.objects.filter(stock__archived_at__isnull=False).values_list("id", flat=True))
    # Redis counts nobody's units any more where nobody can buy.
    counted = {place: units for place, units in counted.items() if place[0] not in archived}
    for activity_id, member_id, units in iterate_bought_units(limits.keys() - archived):
        expected = counted.pop((activity_id, member_id), 0)
        if units != expected:
            yield f"activity {activity_id} member {member_id}: Redis counts {units} units, the orders say {expected}"
    for (activity_id, member_id), units in counted.items():
        yield f"activity {activity_id} member {member_id}: Redis counts no units, the orders say {units}"


def _above_limit(limits: dict[int, int], counted: dict[tuple[int, int], int]) -> Iterator[str]:
    above = {place: units for place, units in counted.items() if units > limits.get(place[0], 0)}
    highest = _highest_limits({activity_id for activity_id, _member_id in above}, limits)
    for (activity_id, member_id), units in above.items():
        if units > highest[activity_id]:
            yield f"member {member_id} has {units} units of activity {activity_id}, its limit is {highest[activity_id]}"


def _highest_limits(activity_ids: set[int], limits: dict[int, int]) -> dict[int, int]:
    """The highest limit that these activities ever had: lowering it takes nothing away from who bought before."""
    highest = {activity_id: limits.get(activity_id, 0) for activity_id in activity_ids}
    changes = ActivityLog.objects.filter(activity_id__in=activity_ids, reason__contains="member_limit: ")
    for activity_id, reason in changes.values_list("activity_id", "reason"):
        for limit in CHANGED_LIMIT.findall(reason):
            highest[activity_id] = max(highest[activity_id], int(limit))
    return highest


@make_check("O5", When.ALWAYS, _("every logged transition is allowed and follows the one before it"))
def log_is_a_chain() -> Iterator[str]:
    for alias in node_aliases():
        for page in keyset_pages(Order.objects.on_node(alias).only("id"), size=CHUNK):
            yield from _broken_chains(alias, [order.pk for order in page])
        yield from _orders_beside_their_log(alias)


def _broken_chains(alias: str, order_ids: list[int]) -> Iterator[str]:
    logs = OrderLog.objects.on_node(alias).filter(order_id__in=order_ids).order_by("order_id", "sequence")
    current, expected, state = 0, 1, ""
    for order_id, sequence, old, new in logs.values_list("order_id", "sequence", "from_state", "to_state"):
        if order_id != current:
            current, expected, state = order_id, 1, ""
        if sequence != expected:
            yield f"order {order_id}: its log has row {sequence} where row {expected} should be"
        elif old != state:
            yield f"order {order_id}: log row {sequence} leaves {old or 'nothing'}, the order was {state or 'new'}"
        elif new not in (_FOLLOWERS.get(old, ()) if old else (OrderState.ACCEPTED,)):
            yield f"order {order_id}: log row {sequence} goes from {old or 'nothing'} to {new}, which is not allowed"
        state, expected = new, sequence + 1


def _orders_beside_their_log(alias: str) -> Iterator[str]:
    # One statement sees one moment: an order that moves meanwhile must not look like one without its log row.
    logs = OrderLog.objects.on_node(alias).filter(order_id=OuterRef("id"))
    last = logs.filter(sequence=OuterRef("log_count"), to_state=OuterRef("state"))
    beyond = logs.filter(sequence__gt=OuterRef("log_count"))
    wrong = Order.objects.on_node(alias).filter(~Exists(last) | Exists(beyond)).order_by("id")
    for order in wrong.iterator(CHUNK):
        yield f"order {order.pk} on {alias} is {order.state} after {order.log_count} moves, its log does not end so"


@make_check("O6", When.ALWAYS, _("amount = quantity × the price snapshot − discounts, and positive"))
def amount_is_right() -> Iterator[str]:
    for alias in node_aliases():
        wrong = Order.objects.on_node(alias).exclude(
            amount_fen=F("quantity") * F("unit_price_fen") - F("discount_fen"), amount_fen__gt=0
        )
        for order in wrong.iterator(CHUNK):
            yield (
                f"order {order.pk}: its amount is {order.amount_fen} fen for {order.quantity} ×"
                f" {order.unit_price_fen} − {order.discount_fen} fen"
            )


@make_check("O7", When.QUIET, _("nothing is stuck past its deadline"))
def nothing_stuck() -> Iterator[str]:
    for alias in node_aliases():
        now = database_now(alias)
        orders = Order.objects.on_node(alias)
        for order in orders.filter(state=OrderState.UNPAID, pay_by__lt=now - UNPAID_GRACE).iterator(CHUNK):
            yield f"order {order.pk} is still UNPAID, it was to be paid by {order.pay_by:%F %T} UTC"
        overdue = Q(refund_by__lt=now) | Q(refund_by__isnull=True)
        for order in orders.filter(overdue, state=OrderState.REFUNDING).iterator(CHUNK):
            promised = f"{order.refund_by:%F %T} UTC" if order.refund_by else "nobody knows when"
            yield f"order {order.pk} is still REFUNDING, its money was promised by {promised}"
        for order in orders.filter(decide_by__lt=now - RESCUE_GRACE).iterator(CHUNK):
            yield f"order {order.pk} looks for another place, which was to be decided by {order.decide_by:%F %T} UTC"
        approved = AfterSaleRequest.objects.on_node(alias).filter(state=RequestState.REFUNDING, latest_by__lt=now)
        for request in approved.iterator(CHUNK):
            yield f"after-sale request {request.pk} of order {request.order_id} is still REFUNDING past its latest-by"
        for order in orders.filter(state=OrderState.ACCEPTED).iterator(CHUNK):
            yield f"order {order.pk} is written down and still ACCEPTED: nobody can pay for it"


CHECKS = [
    one_order_a_key,
    order_on_its_node,
    units_within_limit,
    log_is_a_chain,
    amount_is_right,
    nothing_stuck,
]
