"""G1 to G5: groups and seats."""

from collections import defaultdict
from collections.abc import Iterator

from django.db.models import BigIntegerField, Count, Exists, F, OuterRef, Q, Sum
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import database_now
from pgs_data.sharding.slots import ids_by_node, node_aliases
from pgs_task.reconciliation.contract import When, make_check
from pgs_task.reconciliation.grace import GROUP_GRACE
from pgs_task.reconciliation.pages import keyset_pages
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
        yield from _overfull(alias)
        yield from _leaderless(alias)
        doubles = (
            Seat.objects.on_node(alias)
            .filter(state__in=ACTIVE_SEATS)
            .values("group_id", "member_id")
            .annotate(seats=Count("id"))
            .filter(seats__gt=1)
            .order_by()
        )
        for row in doubles.iterator(CHUNK):
            yield f"member {row['member_id']} has {row['seats']} active seats in group {row['group_id']} on {alias}"


def _overfull(alias: str) -> Iterator[str]:
    active = (
        Seat.objects.on_node(alias)
        .filter(state__in=ACTIVE_SEATS)
        .values_list("group_id")
        .annotate(seats=Count("id"))
        .order_by("group_id")
    )
    counts: dict[int, int] = {}
    for group_id, seats in active.iterator(CHUNK):
        counts[group_id] = seats
        if len(counts) >= CHUNK:
            yield from _above_size(alias, counts)
            counts = {}
    yield from _above_size(alias, counts)


def _above_size(alias: str, counts: dict[int, int]) -> Iterator[str]:
    for group_id, size in Group.objects.on_node(alias).filter(id__in=list(counts)).values_list("id", "size"):
        if counts[group_id] > size:
            yield f"group {group_id} on {alias} is overfull: {counts[group_id]} active seats, its size is {size}"


def _leaderless(alias: str) -> Iterator[str]:
    leader_seat = Seat.objects.on_node(alias).filter(
        group_id=OuterRef("id"), member_id=OuterRef("leader_member_id"), state__in=ACTIVE_SEATS
    )
    any_seat = Seat.objects.on_node(alias).filter(group_id=OuterRef("id"), state__in=ACTIVE_SEATS)
    groups = Group.objects.on_node(alias).filter(
        Exists(any_seat), ~Exists(leader_seat), state__in=[GroupState.FORMING, GroupState.SUCCEEDED]
    )
    for group in groups.iterator(CHUNK):
        yield f"group {group.pk} on {alias}: its leader {group.leader_member_id} has no active seat in it, others have"


@make_check("G2", When.QUIET, _("SUCCEEDED ⇔ confirmed members and guaranteed seats = its size"))
def success_is_full() -> Iterator[str]:
    for alias in node_aliases():
        confirmed = dict(
            Seat.objects.on_node(alias)
            .filter(state=SeatState.CONFIRMED)
            .values_list("group_id")
            .annotate(seats=Count("id"))
            .order_by()
        )
        groups = (
            Group.objects.on_node(alias)
            .filter(state=GroupState.SUCCEEDED)
            .values_list("id", "size", "paid_count", "guaranteed_seats")
        )
        for group_id, size, paid_count, guaranteed in groups.iterator(2000):
            seats = confirmed.pop(group_id, 0)
            if not (seats == paid_count == size - guaranteed and seats > 0):
                yield (
                    f"group {group_id} on {alias} SUCCEEDED with {seats} confirmed seats, {paid_count} counted as paid,"
                    f" {guaranteed} guaranteed by the merchant, its size is {size}"
                )
        for group_id in confirmed:
            yield f"group {group_id} on {alias} has {confirmed[group_id]} confirmed seats and has not succeeded"
        yield from _paid_in_vain(alias)


def _paid_in_vain(alias: str) -> Iterator[str]:
    """Paid seats that their FORMING group doesn't count, that should have completed it, or that wait for nothing."""
    # Of a failed group they wait for their refund, on the desk perhaps: G3 and O7 say for how long.
    failed = Group.objects.on_node(alias).filter(pk=OuterRef("group_id"), state=GroupState.FAILED)
    paid = dict(
        Seat.objects.on_node(alias)
        .filter(~Exists(failed), state=SeatState.PAID)
        .values_list("group_id")
        .annotate(seats=Count("id"))
        .order_by()
    )
    forming = Group.objects.on_node(alias).filter(state=GroupState.FORMING).values_list("id", "size", "paid_count")
    for group_id, size, paid_count in forming.iterator(CHUNK):
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
        groups = Group.objects.on_node(alias).filter(state__in=[GroupState.FAILED, GroupState.SETTLED]).order_by("id")
        last_id = 0
        while page := dict(groups.filter(id__gt=last_id).values_list("id", "state")[:CHUNK]):
            last_id = max(page)
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
        fates = (
            GroupLog.objects.on_node(alias)
            .filter(to_state__in=[GroupState.SUCCEEDED, GroupState.FAILED])
            .values("group_id")
            .annotate(fates=Count("id"))
            .filter(fates__gt=1)
            .order_by()
        )
        for row in fates.iterator(CHUNK):
            yield f"group {row['group_id']} on {alias} was decided {row['fates']} times, see its log"


@make_check("G5", When.QUIET, _("no FORMING group past its deadline"))
def no_group_past_deadline() -> Iterator[str]:
    for alias in node_aliases():
        late = Group.objects.on_node(alias).filter(
            Q(state=GroupState.FORMING), deadline__lt=database_now(alias) - GROUP_GRACE
        )
        for group in late.iterator(CHUNK):
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
    groups = Group.objects.on_node(alias).filter(state=GroupState.SUCCEEDED, guaranteed_seats__gt=0).order_by("id")
    for page in keyset_pages(groups, size=CHUNK):
        known = set(Guarantee.objects.filter(pk__in=[group.pk for group in page]).values_list("pk", flat=True))
        for group in page:
            if group.pk not in known:
                yield f"group {group.pk} on {alias} has {group.guaranteed_seats} guaranteed seats that nobody pays for"


CHECKS = [seats_fit, success_is_full, failure_is_settled, one_fate, no_group_past_deadline, guarantees_are_paid_for]
