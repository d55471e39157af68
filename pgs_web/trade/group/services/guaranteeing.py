"""Guaranteed completion: at its deadline the merchant fills the last seats of a group, within the activity's cap.

Three transactions. In `default`, the cost is set aside from the cap; on the group's node, the group succeeds or not; in
`default`, the reservation becomes what was used, or goes back. A process that dies in between leaves a RESERVED row:
the group is found again, or settle_guarantees asks what became of it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Case, F, Q, Value, When

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.sharding.slots import ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.selectors import read_group_rules
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.group.errors import CapMovedMeanwhile, GroupChangedMeanwhile
from pgs_web.trade.group.models import Group, Guarantee
from pgs_web.trade.group.services.completing import finish_completed
from pgs_web.trade.group.services.door import GROUPS_A_TRANSACTION, is_over, lock_groups
from pgs_web.trade.group.states import GroupState, GuaranteeState

# Others who reserve from the same caps at the same moment; then the groups wait for the next run.
TRIES = 3
# A reservation that is older belongs to a process that died, or to a group whose deadline was moved.
LONGEST_RESERVATION = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Lack:
    """Seats that a group lacks, each of which costs the group's price."""

    group_id: int
    activity_id: int
    seats: int
    price_fen: int

    @property
    def cost_fen(self) -> int:
        """What filling them costs the merchant."""
        return self.seats * self.price_fen


@dataclass(frozen=True, kw_only=True)
class GuaranteePass:
    """The groups that were completed, and those whose caps others were taking from all the while: undecided."""

    completed: frozenset[int] = frozenset()
    waiting: frozenset[int] = frozenset()


def complete_guaranteed(alias: str, group_ids: Sequence[int]) -> GuaranteePass:
    """Completes those of the expired groups whose rules and cap allow it.

    Raises OperationalError while `default` is away: the groups wait for it.
    """
    lacks = find_lacks(alias, group_ids)
    if not lacks:
        return GuaranteePass()
    reserved = reserve_seats(lacks)
    if reserved is None:
        return GuaranteePass(waiting=frozenset(lack.group_id for lack in lacks))
    completed: set[int] = set()
    ids = sorted(reserved)
    for start in range(0, len(ids), GROUPS_A_TRANSACTION):
        batch = {group_id: reserved[group_id] for group_id in ids[start : start + GROUPS_A_TRANSACTION]}
        completed |= _complete_on_node(alias, batch)
    settle_reserved(alias, ids)
    return GuaranteePass(completed=frozenset(completed))


def find_lacks(alias: str, group_ids: Sequence[int]) -> list[Lack]:
    """The groups of a node that lack no more seats than the rules they were opened under guarantee."""
    rows = list(
        Group.objects.on_node(alias)
        .filter(pk__in=group_ids, state=GroupState.FORMING, paid_count__gt=0)
        .values_list("pk", "activity_id", "rules_version", "size", "paid_count", "price_fen")
    )
    rules = read_group_rules((activity_id, version) for _pk, activity_id, version, *_rest in rows)
    return [
        Lack(group_id=pk, activity_id=activity_id, seats=size - paid, price_fen=price)
        for pk, activity_id, version, size, paid, price in rows
        if 0 < size - paid <= rules[activity_id, version].guaranteed_seats
    ]


def reserve_seats(lacks: Sequence[Lack]) -> dict[int, int] | None:
    """Sets aside the cost of as many of these groups as the caps allow, the cheapest first; group id → seats.

    A group that has its reservation keeps it. One transaction in `default`; the conditional UPDATE refuses whatever
    would go beyond a cap, and then it is thought over again. None when others were quicker each time.
    """
    for _try in range(TRIES):
        try:
            with transaction.atomic():
                return _reserve(lacks)
        except (CapMovedMeanwhile, IntegrityError):
            continue
    return None


def settle_guarantees(*, limit: int = 500) -> int:
    """Settles reservations that a process left behind when it died; returns how many it looked at."""
    old = Guarantee.objects.filter(
        state=GuaranteeState.RESERVED, reserved_at__lte=DatabaseNow(after=-LONGEST_RESERVATION)
    )
    group_ids = list(old.order_by("reserved_at").values_list("pk", flat=True)[:limit])
    outages = []
    for alias, of_node in ids_by_node(group_ids).items():
        try:
            settle_reserved(alias, of_node)
        except OperationalError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return len(group_ids)


def settle_reserved(alias: str, group_ids: Sequence[int]) -> None:
    """Makes reservations of decided groups what became of them; what was not used goes back to the cap.

    While a group is FORMING its reservation stays, also when its deadline was moved: somebody may be about to use it.
    """
    decided = Group.objects.on_node(alias).filter(pk__in=group_ids).exclude(state=GroupState.FORMING)
    seats = dict(decided.values_list("pk", "guaranteed_seats"))
    if seats:
        with transaction.atomic():
            _settle(seats)


def _reserve(lacks: Sequence[Lack]) -> dict[int, int]:
    reserved = dict(
        Guarantee.objects.filter(pk__in=[lack.group_id for lack in lacks], state=GuaranteeState.RESERVED).values_list(
            "pk", "seats"
        )
    )
    new = [lack for lack in lacks if lack.group_id not in reserved]
    chosen = _choose(new, read_budgets({lack.activity_id for lack in new}))
    if chosen:
        now = database_now("default")
        Guarantee.objects.bulk_create(
            Guarantee(
                group_id=lack.group_id,
                activity_id=lack.activity_id,
                seats=lack.seats,
                price_fen=lack.price_fen,
                state=GuaranteeState.RESERVED,
                reserved_at=now,
            )
            for lack in chosen
        )
        costs: dict[int, int] = defaultdict(int)
        for lack in chosen:
            costs[lack.activity_id] += lack.cost_fen
        take_from_caps(costs)
    return reserved | {lack.group_id: lack.seats for lack in chosen}


def read_budgets(activity_ids: Collection[int]) -> dict[int, int]:
    """What is left of the caps, in fen; a withdrawn activity completes nothing any more."""
    rows = Activity.objects.filter(pk__in=activity_ids).exclude(state=ActivityState.WITHDRAWN)
    return {pk: cap - used for pk, cap, used in rows.values_list("pk", "guarantee_cap_fen", "guarantee_used_fen")}


def _choose(lacks: Iterable[Lack], budgets: Mapping[int, int]) -> list[Lack]:
    left, chosen = dict(budgets), []
    for lack in sorted(lacks, key=lambda lack: (lack.cost_fen, lack.group_id)):
        if lack.cost_fen <= left.get(lack.activity_id, 0):
            left[lack.activity_id] -= lack.cost_fen
            chosen.append(lack)
    return chosen


def take_from_caps(costs: Mapping[int, int]) -> None:
    """Counts all of these costs (fen by activity) as used, or raises CapMovedMeanwhile: one is beyond its cap."""
    allowed = Q()
    for activity_id, cost in costs.items():
        allowed |= Q(pk=activity_id, guarantee_cap_fen__gte=F("guarantee_used_fen") + cost)
    rows = Activity.objects.filter(allowed).exclude(state=ActivityState.WITHDRAWN)
    if rows.update(guarantee_used_fen=F("guarantee_used_fen") + _by_activity(costs)) != len(costs):
        raise CapMovedMeanwhile(f"Costs {dict(costs)} don't fit into their caps any more.")


def _by_activity(amounts: Mapping[int, int]) -> Case:
    return Case(
        *(When(pk=activity_id, then=Value(amount)) for activity_id, amount in amounts.items()), default=Value(0)
    )


def _complete_on_node(alias: str, reserved: Mapping[int, int]) -> set[int]:
    completed: set[int] = set()
    with node_transaction(alias):
        now = database_now(alias)
        by_seats: dict[int, list[int]] = defaultdict(list)
        for group in lock_groups(alias, reserved).values():
            lacking = group.size - group.paid_count
            # Payments that were counted in between make it fewer; more is not paid for.
            if group.state == GroupState.FORMING and 0 < lacking <= reserved[group.pk] and is_over(group, now=now):
                by_seats[lacking].append(group.pk)
        for seats, group_ids in by_seats.items():
            changed = (
                Group.objects.on_node(alias)
                .filter(pk__in=group_ids, state=GroupState.FORMING, size=F("paid_count") + seats)
                .update(
                    state=GroupState.SUCCEEDED,
                    guaranteed_seats=seats,
                    decided_at=now,
                    log_count=F("log_count") + 1,
                )
            )
            if changed != len(group_ids):
                raise GroupChangedMeanwhile(f"{len(group_ids)} locked groups lacked {seats} on {alias}, not {changed}.")
            completed.update(group_ids)
        finish_completed(alias, completed, actor="merchant", now=now)
    return completed


def _settle(seats: Mapping[int, int]) -> None:
    """Inside the caller's transaction. Who locks a row first settles it, and it is counted once."""
    rows = list(
        Guarantee.objects.select_for_update().filter(pk__in=seats, state=GuaranteeState.RESERVED).order_by("pk")
    )
    surplus: dict[int, int] = defaultdict(int)
    used: dict[int, list[int]] = defaultdict(list)
    unused = []
    for row in rows:
        filled = seats[row.pk]
        surplus[row.activity_id] += (row.seats - filled) * row.price_fen
        if filled:
            used[filled].append(row.pk)
        else:
            unused.append(row.pk)
    # As many statements as there are numbers of seats.
    for filled, group_ids in used.items():
        Guarantee.objects.filter(pk__in=group_ids).update(
            state=GuaranteeState.USED, seats=filled, used_at=DatabaseNow()
        )
    if unused:
        Guarantee.objects.filter(pk__in=unused).delete()
    returned = {activity_id: amount for activity_id, amount in surplus.items() if amount}
    if returned:
        Activity.objects.filter(pk__in=returned).update(
            guarantee_used_fen=F("guarantee_used_fen") - _by_activity(returned)
        )
