"""O2 to O7: orders and their logs."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db.models import Count, Exists, F, OuterRef, Q, Sum
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id, alias_of_slot, node_aliases, slot_of_id, slot_of_key
from pgs_data.sharding.spans import key_spans, pages_by_span
from pgs_task.reconciliation.contract import When, make_check
from pgs_task.reconciliation.grace import RESCUE_GRACE, UNPAID_GRACE
from pgs_task.reconciliation.pages import keyset_pages
from pgs_web.display.activity.models import Activity, ActivityLog
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.states import RequestState
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.states import LOCKED, MOVES, SOLD, OrderState
from pgs_web.trade.stock.scans import iterate_bought_units
from pgs_web.trade.stock.selectors import read_bought_units

CHUNK = 2000
MEMBERS_A_PAGE = 500
# What update_rules writes into the log of an activity whose limit was changed.
CHANGED_LIMIT = re.compile(r"\bmember_limit: (\d+) →")
_FOLLOWERS: dict[str, frozenset[OrderState]] = {state.value: after for state, after in MOVES.items()}


@make_check("O2", When.ALWAYS, _("one (member, idempotency key), one order"))
def one_order_a_key() -> Iterator[str]:
    for alias in node_aliases():
        orders = Order.objects.on_node(alias)
        for span in key_spans(orders, key="member_id"):
            keys = orders.filter(span.of("member_id")).values("member_id", "idempotency_key")
            for row in keys.annotate(orders=Count("id")).filter(orders__gt=1).order_by():
                yield f"member {row['member_id']} key {row['idempotency_key']}: {row['orders']} orders on {alias}"
        # All orders of a member share a slot, so one node's index on the key is enough. One elsewhere is beyond it.
        for span in key_spans(orders):
            for order_id, member_id in orders.filter(span.of("id")).values_list("id", "member_id"):
                if slot_of_id(order_id) != slot_of_key(member_id):
                    yield (
                        f"order {order_id} on {alias} is outside the slot of its member {member_id}: another order with"
                        " the same key would not be noticed"
                    )


@make_check("O3", When.ALWAYS, _("an order id exists once, on the node that the id names"))
def order_on_its_node() -> Iterator[str]:
    # A node holds an id once (primary key), so an id that is only where its slot says exists once.
    for alias in node_aliases():
        orders = Order.objects.on_node(alias)
        for span in key_spans(orders):
            for order_id in orders.filter(span.of("id")).values_list("id", flat=True):
                if alias_of_id(order_id) != alias:
                    yield f"order {order_id} is on {alias}, its id says {alias_of_id(order_id)}"


@make_check("O4", When.QUIET, _("units of a member in an activity are within its limit and as Redis counts them"))
def units_within_limit() -> Iterator[str]:
    limits = dict(Activity.objects.values_list("id", "member_limit"))
    archived = set(Activity.objects.filter(stock__archived_at__isnull=False).values_list("id", flat=True))
    # A member's orders are all on the member's node, so no sum crosses nodes.
    for alias in node_aliases():
        held = Order.objects.on_node(alias).filter(state__in=LOCKED | SOLD)
        for span in key_spans(held, key="member_id"):
            sums = held.filter(span.of("member_id")).values_list("activity_id", "member_id")
            rows = sums.annotate(units=Sum("quantity")).order_by()
            counted = {(activity_id, member_id): int(units) for activity_id, member_id, units in rows}
            yield from _above_limit(limits, counted)
            # Redis counts nobody's units any more where nobody can buy.
            yield from _counted_otherwise(
                {place: units for place, units in counted.items() if place[0] not in archived}
            )
    page: dict[tuple[int, int], int] = {}
    for activity_id, member_id, units in iterate_bought_units(limits.keys() - archived):
        page[activity_id, member_id] = units
        if len(page) >= MEMBERS_A_PAGE:
            yield from _bought_by_nobody(page)
            page = {}
    yield from _bought_by_nobody(page)


def _counted_otherwise(counted: Mapping[tuple[int, int], int]) -> Iterator[str]:
    bought = read_bought_units(counted)
    for (activity_id, member_id), units in counted.items():
        said = bought[activity_id, member_id]
        if said != units:
            yield (
                f"activity {activity_id} member {member_id}: Redis counts {said or 'no'} units, the orders say {units}"
            )


def _bought_by_nobody(bought: Mapping[tuple[int, int], int]) -> Iterator[str]:
    """Units that Redis counts of members who have no order in the activity; whose sums differ was told before."""
    members: dict[str, list[int]] = defaultdict(list)
    for member_id in dict.fromkeys(member_id for _activity_id, member_id in bought):
        members[alias_of_slot(slot_of_key(member_id))].append(member_id)
    known: set[tuple[int, int]] = set()
    for alias, member_ids in members.items():
        held = Order.objects.on_node(alias).filter(member_id__in=member_ids, state__in=LOCKED | SOLD)
        known.update(held.order_by().values_list("activity_id", "member_id").distinct())
    for (activity_id, member_id), units in bought.items():
        if (activity_id, member_id) not in known:
            yield f"activity {activity_id} member {member_id}: Redis counts {units} units, the orders say 0"


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
    orders = Order.objects.on_node(alias)
    for span in key_spans(orders):
        logs = OrderLog.objects.on_node(alias).filter(span.of("order_id"), order_id=OuterRef("id"))
        last = logs.filter(sequence=OuterRef("log_count"), to_state=OuterRef("state"))
        beyond = logs.filter(sequence__gt=OuterRef("log_count"))
        for order in orders.filter(span.of("id")).filter(~Exists(last) | Exists(beyond)).order_by("id"):
            yield f"order {order.pk} on {alias} is {order.state} after {order.log_count} moves, its log does not end so"


@make_check("O6", When.ALWAYS, _("amount = quantity × the price snapshot − discounts, and positive"))
def amount_is_right() -> Iterator[str]:
    for alias in node_aliases():
        wrong = Order.objects.on_node(alias).exclude(
            amount_fen=F("quantity") * F("unit_price_fen") - F("discount_fen"), amount_fen__gt=0
        )
        for page in pages_by_span(wrong, size=CHUNK):
            for order in page:
                yield (
                    f"order {order.pk}: its amount is {order.amount_fen} fen for {order.quantity} ×"
                    f" {order.unit_price_fen} − {order.discount_fen} fen"
                )


@make_check("O7", When.QUIET, _("nothing is stuck past its deadline"))
def nothing_stuck() -> Iterator[str]:
    for alias in node_aliases():
        now = database_now(alias)
        stuck = (
            Q(state=OrderState.UNPAID, pay_by__lt=now - UNPAID_GRACE)
            | Q(Q(refund_by__lt=now) | Q(refund_by__isnull=True), state=OrderState.REFUNDING)
            | Q(decide_by__lt=now - RESCUE_GRACE)
            | Q(state=OrderState.ACCEPTED)
        )
        for page in pages_by_span(Order.objects.on_node(alias).filter(stuck), size=CHUNK):
            for order in page:
                yield from _reasons_stuck(order, now)
        approved = AfterSaleRequest.objects.on_node(alias).filter(state=RequestState.REFUNDING, latest_by__lt=now)
        for requests in pages_by_span(approved, size=CHUNK):
            for request in requests:
                yield (
                    f"after-sale request {request.pk} of order {request.order_id} is still REFUNDING past its latest-by"
                )


def _reasons_stuck(order: Order, now: datetime) -> Iterator[str]:
    """Of an order that is past one of its deadlines, or past two."""
    if order.state == OrderState.UNPAID and order.pay_by < now - UNPAID_GRACE:
        yield f"order {order.pk} is still UNPAID, it was to be paid by {order.pay_by:%F %T} UTC"
    if order.state == OrderState.REFUNDING and (order.refund_by is None or order.refund_by < now):
        promised = f"{order.refund_by:%F %T} UTC" if order.refund_by else "nobody knows when"
        yield f"order {order.pk} is still REFUNDING, its money was promised by {promised}"
    if order.decide_by is not None and order.decide_by < now - RESCUE_GRACE:
        yield f"order {order.pk} looks for another place, which was to be decided by {order.decide_by:%F %T} UTC"
    if order.state == OrderState.ACCEPTED:
        yield f"order {order.pk} is written down and still ACCEPTED: nobody can pay for it"


CHECKS = [
    one_order_a_key,
    order_on_its_node,
    units_within_limit,
    log_is_a_chain,
    amount_is_right,
    nothing_stuck,
]
