"""Reads of groups and their seats."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db.models import BigIntegerField, Count, F, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.querysets import ShardedQuerySet
from pgs_data.sharding.scatter import scatter
from pgs_data.sharding.slots import node_aliases
from pgs_web.api.errors import NotFound
from pgs_web.display.activity.models import Activity
from pgs_web.trade.group.admitted import AdmittedGroup, find_admitted_group
from pgs_web.trade.group.models import Group, GroupExtension, Guarantee, Seat
from pgs_web.trade.group.states import ACTIVE_SEATS, GroupState, GuaranteeState, SeatState

# Of the groups of a node, those that end first; among these the fullest come first.
JOINABLE_A_NODE = 100
# Of a group's members; the page says how many there are.
MEMBERS_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class GroupView:
    """A group as the page behind its link shows it; member_ids are who holds a seat, first come first."""

    id: int
    activity_id: int
    size: int
    price_fen: int
    state: GroupState
    reason: str
    opened_at: datetime
    deadline: datetime
    leader_member_id: int
    rules_version: int
    member_ids: list[int]
    guaranteed_seats: int = 0

    @property
    def seats_left(self) -> int:
        """Places that can still be taken; none once it is decided."""
        return max(self.size - len(self.member_ids), 0) if self.state == GroupState.FORMING else 0

    @classmethod
    def of_row(cls, group: Group, *, member_ids: list[int]) -> Self:
        """From the databases."""
        return cls(
            id=group.pk,
            activity_id=group.activity_id,
            size=group.size,
            price_fen=group.price_fen,
            state=GroupState(group.state),
            reason=group.reason,
            opened_at=group.opened_at,
            deadline=group.deadline,
            leader_member_id=group.leader_member_id,
            rules_version=group.rules_version,
            member_ids=member_ids,
            guaranteed_seats=group.guaranteed_seats,
        )

    @classmethod
    def of_admitted(cls, group: AdmittedGroup) -> Self:
        """From the ledger: it was opened and is not written down yet, so nothing was decided about it."""
        return cls(
            id=group.id,
            activity_id=group.activity_id,
            size=group.size,
            price_fen=group.price_fen,
            state=GroupState.FORMING,
            reason="",
            opened_at=group.opened_at,
            deadline=group.deadline,
            leader_member_id=group.leader_member_id,
            rules_version=group.rules_version,
            member_ids=group.member_ids,
        )


def get_group_page(group_id: int) -> GroupView:
    """The group, from its node or, while its first order is still in the stream, from the ledger; raises NotFound.

    Raises OperationalError while its node is away; RedisUnavailable while it is not on its node and the ledger is away.
    """
    group = Group.objects.filter(pk=group_id).first()
    if group is None:
        admitted = find_admitted_group(group_id)
        if admitted is not None:
            return GroupView.of_admitted(admitted)
        # It may have been written down, and its hash decided upon, between the two reads.
        group = Group.objects.filter(pk=group_id).first()
    if group is None:
        raise NotFound()
    seats = Seat.objects.filter(group_id=group_id, state__in=ACTIVE_SEATS).order_by("joined_at", "pk")
    return GroupView.of_row(group, member_ids=list(seats.values_list("member_id", flat=True)))


def list_joinable_groups(activity_id: int) -> list[Group]:
    """Groups with a free place and time left, each with `seats_left`; the fullest first, then the soonest to end.

    Bounded: a node gives the JOINABLE_A_NODE that end first, found by an index; one query a node.
    """
    groups = scatter(lambda groups: _joinable(groups, activity_id), Group, limit_per_node=JOINABLE_A_NODE)
    for group in groups:
        group.seats_left = group.size - group.taken  # type: ignore[attr-defined]
    return sorted(groups, key=lambda group: (group.seats_left, group.deadline, group.pk))  # type: ignore[attr-defined]


def _joinable(groups: "ShardedQuerySet[Group]", activity_id: int) -> "QuerySet[Group]":
    seats = Seat.objects.filter(group_id=OuterRef("pk"), state__in=ACTIVE_SEATS).order_by().values("group_id")
    taken = Subquery(seats.annotate(taken=Count("pk")).values("taken"), output_field=IntegerField())
    return (
        groups.filter(activity_id=activity_id, state=GroupState.FORMING, deadline__gt=DatabaseNow())
        .annotate(taken=Coalesce(taken, 0))
        .filter(taken__lt=F("size"))
        .order_by("deadline", "pk")
    )


@dataclass(frozen=True, kw_only=True)
class RunningGroups:
    """An activity's FORMING groups, and their members who have paid and who have not."""

    groups: int
    paid: int
    unpaid: int


def count_running_groups(activity_id: int) -> RunningGroups:
    """Whom an end of the activity would hit; two counts along an index a node. Raises OperationalError."""
    groups = paid = unpaid = 0
    for alias in node_aliases():
        running = Group.objects.on_node(alias).filter(activity_id=activity_id, state=GroupState.FORMING)
        counted = running.aggregate(groups=Count("pk"), paid=Sum("paid_count"))
        groups += counted["groups"]
        paid += counted["paid"] or 0
        held = Seat.objects.on_node(alias).filter(group_id__in=running.values("pk"), state=SeatState.HELD)
        unpaid += held.count()
    return RunningGroups(groups=groups, paid=paid, unpaid=unpaid)


def count_extended_groups(extension_id: int) -> int:
    """How many groups have got their minutes so far; one count along an index a node. Raises OperationalError."""
    return sum(
        GroupExtension.objects.on_node(alias).filter(extension_id=extension_id).count() for alias in node_aliases()
    )


def count_groups_of_incident(*, from_at: datetime, to_at: datetime, activity_id: int | None) -> int:
    """How many groups an extension would concern now; one count a node. Raises OperationalError."""
    return sum(
        groups_of_incident(alias, from_at=from_at, to_at=to_at, activity_id=activity_id).count()
        for alias in node_aliases()
    )


def groups_of_incident(
    alias: str, *, from_at: datetime, to_at: datetime, activity_id: int | None
) -> ShardedQuerySet[Group]:
    """FORMING groups of a node that were running in [from_at, to_at), found by index."""
    groups = Group.objects.on_node(alias).filter(state=GroupState.FORMING, opened_at__lt=to_at, deadline__gt=from_at)
    return groups if activity_id is None else groups.filter(activity_id=activity_id)


def orders_with_active_seats(alias: str, group_ids: Iterable[int]) -> dict[int, list[int]]:
    """Group id → ids of the orders that hold its seats, for groups of one node; one query."""
    seats = Seat.objects.on_node(alias).filter(group_id__in=list(group_ids), state__in=ACTIVE_SEATS)
    orders: dict[int, list[int]] = defaultdict(list)
    for group_id, order_id in seats.order_by("pk").values_list("group_id", "order_id"):
        orders[group_id].append(order_id)
    return orders


@dataclass(frozen=True, kw_only=True)
class GuaranteeReport:
    """What guaranteed seats of one activity have done and cost; `open_fen` is set aside for groups not decided yet."""

    activity: Activity
    groups: int
    seats: int
    cost_fen: int
    open_fen: int

    @property
    def left_fen(self) -> int:
        """What is left of the cap."""
        return self.activity.guarantee_cap_fen - self.activity.guarantee_used_fen


def report_guarantees(*, activity_ids: Collection[int] | None = None, limit: int = 100) -> list[GuaranteeReport]:
    """Of these activities, or of those with the largest caps, at most limit; two queries, along indexes."""
    activities = Activity.objects.filter(guarantee_cap_fen__gt=0).order_by("-guarantee_cap_fen", "-pk")
    shown = list((activities if activity_ids is None else activities.filter(pk__in=activity_ids))[:limit])
    cost = Sum(F("seats") * F("price_fen"), output_field=BigIntegerField())
    rows = Guarantee.objects.filter(activity_id__in=[activity.pk for activity in shown])
    sums = {
        (activity_id, state): figures
        for activity_id, state, *figures in rows.values_list("activity_id", "state")
        .annotate(groups=Count("pk"), filled=Sum("seats"), cost=cost)
        .order_by()
    }
    return [
        GuaranteeReport(
            activity=activity,
            groups=sums.get((activity.pk, GuaranteeState.USED), (0, 0, 0))[0],
            seats=sums.get((activity.pk, GuaranteeState.USED), (0, 0, 0))[1],
            cost_fen=sums.get((activity.pk, GuaranteeState.USED), (0, 0, 0))[2],
            open_fen=sums.get((activity.pk, GuaranteeState.RESERVED), (0, 0, 0))[2],
        )
        for activity in shown
    ]


def orders_with_seats(alias: str, group_ids: Iterable[int]) -> dict[int, set[int]]:
    """Group id → ids of the orders that have, or had, a seat in it, for groups of one node; one query."""
    orders: dict[int, set[int]] = {group_id: set() for group_id in group_ids}
    seats = Seat.objects.on_node(alias).filter(group_id__in=list(orders))
    for group_id, order_id in seats.values_list("group_id", "order_id"):
        orders[group_id].add(order_id)
    return orders
