"""G1 to G5: groups and seats."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from django.db.models import BigIntegerField, Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import database_now
from pgs_data.sharding.slots import ids_by_node, node_aliases
from pgs_data.sharding.spans import Span, key_spans, pages_by_span
from pgs_task.reconciliation.contract import When, make_check
from pgs_task.reconciliation.grace import GROUP_GRACE
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.models import Group, GroupLog, Guarantee, Seat
from pgs_web.trade.group.states import ACTIVE_SEATS, GroupState, GuaranteeState, SeatState
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState

CHUNK = 500
MADE_WHOLE = frozenset({OrderState.CANCELLED, OrderState.REFUNDED, OrderState.REJECTED})


@make_check("G1", When.ALWAYS, _("active members ≤ size, exactly one leader, a member once a group"))
def seats_fit() -> Iterator[str]:
    for alias in node_aliases():
        for span in key_spans(Seat.objects.on_node(alias), key="group_id"):
            active = Seat.objects.on_node(alias).filter(span.of("group_id"), state__in=ACTIVE_SEATS)
            groups = Group.objects.on_node(alias).filter(span.of("id"))
            yield from _overfull(alias, active, groups)
            yield from _leaderless(alias, active, groups)
            doubles = active.values("group_id", "member_id").annotate(seats=Count("id")).filter(seats__gt=1)
            for row in doubles.order_by():
                yield f"member {row['member_id']} has {row['seats']} active seats in group {row['group_id']} on {alias}"


def _overfull(alias: str, active: QuerySet[Seat], groups: QuerySet[Group]) -> Iterator[str]:
    counts = _count_by_group(active)
    for group_id, size in groups.values_list("id", "size"):
        if counts[group_id] > size:
            yield f"group {group_id} on {alias} is overfull: {counts[group_id]} active seats, its size is {size}"


def _count_by_group(seats: QuerySet[Seat]) -> Counter[int]:
    return Counter(dict(seats.values_list("group_id").annotate(seats=Count("id")).order_by()))


def _leaderless(alias: str, active: QuerySet[Seat], groups: QuerySet[Group]) -> Iterator[str]:
    any_seat = active.filter(group_id=OuterRef("id"))
    leader_seat = any_seat.filter(member_id=OuterRef("leader_member_id"))
    undone = groups.filter(state__in=[GroupState.FORMING, GroupState.SUCCEEDED])
    for group in undone.filter(Exists(any_seat), ~Exists(leader_seat)):
        yield f"group {group.pk} on {alias}: its leader {group.leader_member_id} has no active seat in it, others have"


@make_check("G2", When.QUIET, _("SUCCEEDED ⇔ confirmed members and guaranteed seats = its size"))
def success_is_full() -> Iterator[str]:
    for alias in node_aliases():
        # Every group is in one of them, also one without a seat, and every seat, also one without a group.
        for span in key_spans(Seat.objects.on_node(alias), key="group_id"):
            yield from _unfilled(alias, span)
            yield from _paid_in_vain(alias, span)


def _unfilled(alias: str, span: Span) -> Iterator[str]:
    confirmed = _count_by_group(Seat.objects.on_node(alias).filter(span.of("group_id"), state=SeatState.CONFIRMED))
    succeeded = Group.objects.on_node(alias).filter(span.of("id"), state=GroupState.SUCCEEDED)
    for group_id, size, paid_count, guaranteed in succeeded.values_list("id", "size", "paid_count", "guaranteed_seats"):
        seats = confirmed.pop(group_id, 0)
        if not (seats == paid_count == size - guaranteed and seats > 0):
            yield (
                f"group {group_id} on {alias} SUCCEEDED with {seats} confirmed seats, {paid_count} counted as paid,"
                f" {guaranteed} guaranteed by the merchant, its size is {size}"
            )
    for group_id in confirmed:
        yield f"group {group_id} on {alias} has {confirmed[group_id]} confirmed seats and has not succeeded"


def _paid_in_vain(alias: str, span: Span) -> Iterator[str]:
    """Paid seats that their FORMING group doesn't count, that should have completed it, or that wait for nothing."""
    groups = Group.objects.on_node(alias).filter(span.of("id"))
    # Of a failed group they wait for their refund, on the desk perhaps: G3 and O7 say for how long.
    failed = groups.filter(pk=OuterRef("group_id"), state=GroupState.FAILED)
    seats_of_span = Seat.objects.on_node(alias).filter(span.of("group_id"), state=SeatState.PAID)
    paid = _count_by_group(seats_of_span.exclude(Exists(failed)))
    forming = groups.filter(state=GroupState.FORMING)
    for group_id, size, paid_count in forming.values_list("id", "size", "paid_count"):
        seats = paid.pop(group_id, 0)
        if seats != paid_count:
            yield f"group {group_id} on {alias} counts {paid_count} paid members, {seats} of its seats are paid"
        elif seats >= size:
            yield f"group {group_id} on {alias} is FORMING with {seats} paid seats, its size is {size}"
    for group_id, seats in paid.items():
        yield f"group {group_id} on {alias} is decided and {seats} of its seats are still PAID"


@make_check("G3", When.QUIET, _("FAILED ⇒ every paid member refunded or seated elsewhere, every unit given back once"))
def failure_is_settled() -> Iterator[str]:
    for alias in node_aliases():
        ended = Group.objects.on_node(alias).filter(state__in=[GroupState.FAILED, GroupState.SETTLED])
        for groups in pages_by_span(ended.only("id", "state"), size=CHUNK):
            page = {group.pk: group.state for group in groups}
            seats = Seat.objects.on_node(alias).filter(group_id__in=list(page)).values_list("order_id", "group_id")
            owners: dict[int, int] = dict(seats)
            open_orders = defaultdict(list)
            for node, order_ids in ids_by_node(owners).items():
                orders = Order.objects.on_node(node).filter(id__in=order_ids).exclude(state__in=MADE_WHOLE)
                for order_id, state, group_id, decide_by in orders.values_list("id", "state", "group_id", "decide_by"):
                    if group_id != owners[order_id]:
                        # It has a seat in another group, which is judged there.
                        continue
                    # A refund on its way, or a decision that is waited for, is no offence before its time (O7), but
                    # the group isn't settled yet.
                    is_under_way = state == OrderState.REFUNDING or decide_by is not None
                    if not is_under_way or page[owners[order_id]] == GroupState.SETTLED:
                        open_orders[owners[order_id]].append(f"{order_id} {state}")
            for group_id, found in open_orders.items():
                shown = ", ".join(found[:5])
                yield f"group {group_id} on {alias} is {page[group_id]}; orders that got nothing back: {shown}"


@make_check("G4", When.ALWAYS, _("never SUCCEEDED and FAILED in one history"))
def one_fate() -> Iterator[str]:
    for alias in node_aliases():
        logs = GroupLog.objects.on_node(alias)
        for span in key_spans(logs, key="group_id"):
            decisions = logs.filter(span.of("group_id"), to_state__in=[GroupState.SUCCEEDED, GroupState.FAILED])
            fates = decisions.values("group_id").annotate(fates=Count("id")).filter(fates__gt=1)
            for row in fates.order_by():
                yield f"group {row['group_id']} on {alias} was decided {row['fates']} times, see its log"


@make_check("G5", When.QUIET, _("no FORMING group past its deadline"))
def no_group_past_deadline() -> Iterator[str]:
    for alias in node_aliases():
        late = Group.objects.on_node(alias).filter(
            Q(state=GroupState.FORMING), deadline__lt=database_now(alias) - GROUP_GRACE
        )
        for page in pages_by_span(late, size=CHUNK):
            for group in page:
                yield f"group {group.pk} on {alias} is still FORMING, its deadline was {group.deadline:%F %T} UTC"


@make_check("G6", When.QUIET, _("guaranteed seats are written down, cost what was used, and stay below the cap"))
def guarantees_are_paid_for() -> Iterator[str]:
    last_id = 0
    rows = Guarantee.objects.order_by("pk")
    while page := {row.pk: row for row in rows.filter(pk__gt=last_id)[:CHUNK]}:
        last_id = max(page)
        yield from _misused(page)
    for alias in node_aliases():
        yield from _unwritten(alias)
    cost = Sum(F("seats") * F("price_fen"), output_field=BigIntegerField())
    costs = dict(Guarantee.objects.values_list("activity_id").annotate(cost=cost).order_by())
    using = Activity.objects.filter(Q(pk__in=list(costs)) | Q(guarantee_used_fen__gt=0))
    for activity_id, used, cap in using.values_list("pk", "guarantee_used_fen", "guarantee_cap_fen").iterator(CHUNK):
        if not costs.get(activity_id, 0) == used <= cap:
            yield (
                f"activity {activity_id}: guaranteed seats cost {costs.get(activity_id, 0)} fen, {used} are counted,"
                f" the cap is {cap}"
            )


def _misused(page: dict[int, Guarantee]) -> Iterator[str]:
    """Reservations of decided groups, and used ones that their group knows nothing of."""
    for alias, group_ids in ids_by_node(page).items():
        groups = Group.objects.on_node(alias).filter(id__in=group_ids)
        known = {pk: (state, seats) for pk, state, seats in groups.values_list("id", "state", "guaranteed_seats")}
        for group_id in group_ids:
            row, (state, seats) = page[group_id], known.get(group_id, ("", 0))
            is_used = row.state == GuaranteeState.USED
            if state != (GroupState.SUCCEEDED if is_used else GroupState.FORMING) or (is_used and row.seats != seats):
                yield (
                    f"group {group_id} on {alias} is {state or 'missing'} with {seats} guaranteed seats,"
                    f" {row.seats} are {row.state}"
                )


def _unwritten(alias: str) -> Iterator[str]:
    """Groups with guaranteed seats that nobody pays for."""
    groups = Group.objects.on_node(alias).filter(state=GroupState.SUCCEEDED, guaranteed_seats__gt=0)
    for page in pages_by_span(groups, size=CHUNK):
        known = set(Guarantee.objects.filter(pk__in=[group.pk for group in page]).values_list("pk", flat=True))
        for group in page:
            if group.pk not in known:
                yield f"group {group.pk} on {alias} has {group.guaranteed_seats} guaranteed seats that nobody pays for"


CHECKS = [seats_fit, success_is_full, failure_is_settled, one_fate, no_group_past_deadline, guarantees_are_paid_for]
