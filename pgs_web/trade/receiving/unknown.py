"""What the database says where Redis knows nothing: activities and groups; and the holds of old orders.

All of it is asked in bulk by the threads of lookups.py.
"""

from collections.abc import Sequence
from contextlib import ExitStack

from pgs_data.redis.partitions import partition_within
from pgs_data.redis.replicas import replicated
from pgs_data.sharding.slots import ids_by_node
from pgs_web.api.errors import OUTAGES, NotFound, Refusal, Unavailable
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.member.selectors import find_address_owners
from pgs_web.trade.group.models import Group
from pgs_web.trade.intake.errors import Ended, GroupClosed, Paused
from pgs_web.trade.stock.holds import Hold
from pgs_web.trade.stock.selectors import read_holds

_OF_STATE: dict[str, type[Refusal]] = {
    ActivityState.SCHEDULED: Paused,
    ActivityState.RUNNING: Paused,
    ActivityState.PAUSED: Paused,
    ActivityState.ENDED: Ended,
}


def judge_unknown_activities(activity_ids: Sequence[int]) -> dict[int, type[Refusal]]:
    """Why each can't be bought: it never existed, is over and archived, or its facts are lost; one query."""
    states = dict(Activity.objects.filter(pk__in=activity_ids).values_list("pk", "state"))
    return {activity_id: _OF_STATE.get(states.get(activity_id, ""), NotFound) for activity_id in activity_ids}


def judge_unknown_groups(pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], type[Refusal]]:
    """For (group id, activity id): never existed in this activity, or long over; one query a node that is there."""
    verdicts: dict[tuple[int, int], type[Refusal]] = {}
    for held in ids_by_node({group_id for group_id, _activity_id in pairs}).values():
        of_node = [pair for pair in pairs if pair[0] in set(held)]
        try:
            found = {(group.pk, group.activity_id) for group in Group.objects.for_ids(held)}
        except OUTAGES:
            verdicts |= dict.fromkeys(of_node, Unavailable)
        else:
            verdicts |= {pair: GroupClosed if pair in found else NotFound for pair in of_node}
    return verdicts


def find_owners(address_ids: Sequence[int]) -> dict[int, int]:
    """Address id → the member it belongs to, 0 for none; one query."""
    return {address_id: owner or 0 for address_id, owner in find_address_owners(address_ids).items()}


def find_holds(orders: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Hold | None]:
    """For (activity id, order id): the order's hold, None when it was never admitted.

    Behind the barrier: its shopper is told by it that the order is in. Raises RedisUnavailable.
    """
    with ExitStack() as barriers:
        for partition in {partition_within(activity_id, order_id) for activity_id, order_id in orders}:
            barriers.enter_context(replicated(partition))
        holds = read_holds(orders)
    return {(activity_id, order_id): holds.get(order_id) for activity_id, order_id in orders}
