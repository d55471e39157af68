"""Groups end without success: at their deadline, or ended by an operator or the stock; then they are settled."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db import OperationalError

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.sharding.slots import ids_by_node, node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_web.trade.group.models import Group
from pgs_web.trade.group.services.door import (
    GROUPS_A_TRANSACTION,
    grace,
    is_over,
    lock_groups,
    move_groups,
    unsettled_groups,
)
from pgs_web.trade.group.services.guaranteeing import complete_guaranteed
from pgs_web.trade.group.states import FailReason, GroupState


@dataclass(frozen=True, kw_only=True)
class WithdrawnPass:
    """How many groups were failed, and the activities of which no node had a running group."""

    failed: int
    without_groups: frozenset[int]


def fail_group(*, group_id: int, reason: FailReason, actor: str) -> bool:
    """Fails a FORMING group; False when it was decided before. Its `group.failed` message refunds the members."""
    return bool(fail_groups(group_ids=[group_id], reason=reason, actor=actor))


def fail_groups(*, group_ids: Iterable[int], reason: FailReason, actor: str) -> list[int]:
    """Fails those of the groups that are FORMING and returns their ids."""
    failed: list[int] = []
    for alias, ids in ids_by_node(group_ids).items():
        for start in range(0, len(ids), GROUPS_A_TRANSACTION):
            failed += _fail_on_node(alias, ids[start : start + GROUPS_A_TRANSACTION], reason=reason, actor=actor)
    return failed


def fail_expired_groups(*, limit: int = 500) -> int:
    """Ends up to limit groups a node whose deadline and grace have passed; costs what is due. Returns how many.

    They fail, unless the merchant fills their last seats. Only the database's clock counts. A group whose last payment
    is counted before the move, or whose deadline is moved, is left alone. Every node is served before an outage is
    raised.
    """
    ended, outages = 0, []
    for alias in node_aliases():
        try:
            ended += _end_expired(alias, expired_groups(alias, limit=limit))
        except OperationalError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return ended


def fail_withdrawn_groups(*, activity_ids: Collection[int], limit: int = 500) -> WithdrawnPass:
    """Fails up to limit running groups a node of these withdrawn activities; one query a node finds them.

    Dying in between leaves the rest FORMING, for the next call. Every node is served before an outage is raised.
    """
    failed, found, outages = 0, set[int](), []
    for alias in node_aliases():
        try:
            running = Group.objects.on_node(alias).filter(activity_id__in=list(activity_ids), state=GroupState.FORMING)
            groups = dict(running.values_list("pk", "activity_id")[:limit])
            found.update(groups.values())
            failed += len(fail_groups(group_ids=groups, reason=FailReason.WITHDRAWN, actor="withdrawal"))
        except OperationalError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return WithdrawnPass(failed=failed, without_groups=frozenset(activity_ids) - found)


def expired_groups(alias: str, *, limit: int) -> list[int]:
    """FORMING groups of a node whose deadline and grace are over on its own clock, the longest over first."""
    over = Group.objects.on_node(alias).filter(state=GroupState.FORMING, deadline__lte=DatabaseNow(after=-grace()))
    return list(over.order_by("deadline").values_list("pk", flat=True)[:limit])


def settle_groups(*, group_ids: Iterable[int]) -> list[int]:
    """Settles those of the groups that have FAILED and whose members have all been made whole; returns their ids.

    Call it when every order that was admitted into them is written down.
    """
    settled: list[int] = []
    for alias, ids in ids_by_node(group_ids).items():
        for start in range(0, len(ids), GROUPS_A_TRANSACTION):
            settled += _settle_on_node(alias, ids[start : start + GROUPS_A_TRANSACTION])
    return settled


def _end_expired(alias: str, group_ids: Sequence[int]) -> int:
    """Groups of one node: first those in which nobody has paid, which needs nothing but their node."""
    paid = Group.objects.on_node(alias).filter(pk__in=group_ids, paid_count__gt=0)
    wanted = set(paid.values_list("pk", flat=True))
    ended = _fail_expired(alias, [group_id for group_id in group_ids if group_id not in wanted])
    if wanted:
        # Dying between the two leaves FORMING groups with a reservation, which the next run finds and goes on with.
        guaranteed = complete_guaranteed(alias, sorted(wanted))
        lost = wanted - guaranteed.completed - guaranteed.waiting
        ended += len(guaranteed.completed) + _fail_expired(alias, sorted(lost))
    return ended


def _fail_expired(alias: str, group_ids: Sequence[int]) -> int:
    failed = 0
    for start in range(0, len(group_ids), GROUPS_A_TRANSACTION):
        batch = group_ids[start : start + GROUPS_A_TRANSACTION]
        failed += len(_fail_on_node(alias, batch, reason=FailReason.TIMEOUT, actor="clock", only_expired=True))
    return failed


def _fail_on_node(
    alias: str, group_ids: Sequence[int], *, reason: FailReason, actor: str, only_expired: bool = False
) -> list[int]:
    with node_transaction(alias):
        locked, now = lock_groups(alias, group_ids).values(), database_now(alias)
        # A deadline may have been moved since the group was found.
        forming = [
            group
            for group in locked
            if group.state == GroupState.FORMING and (not only_expired or is_over(group, now=now))
        ]
        move_groups(alias, forming, to_state=GroupState.FAILED, reason=reason, actor=actor, now=now)
    return [group.pk for group in forming]


def _settle_on_node(alias: str, group_ids: Sequence[int]) -> list[int]:
    with node_transaction(alias):
        failed = [group for group in lock_groups(alias, group_ids).values() if group.state == GroupState.FAILED]
        Group.objects.on_node(alias).filter(pk__in=[group.pk for group in failed]).update(awaits_orders=False)
        for group in failed:
            group.awaits_orders = False
        unsettled = unsettled_groups(alias, failed)
        whole = [group for group in failed if group.pk not in unsettled]
        move_groups(alias, whole, to_state=GroupState.SETTLED, actor="group", now=database_now(alias))
    return [group.pk for group in whole]
