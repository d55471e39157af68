"""Streams full of orders as a sale leaves them: pairs of friends in groups of two, over all partitions and nodes."""

import random
from collections.abc import Iterator, Sequence

from benchmarks.scale.filling import claim_all, make_activity
from pgs_data.ids.snowflake import new_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_count, partition_of
from pgs_data.sharding.slots import slot_of_id, slot_of_key
from pgs_web.display.activity.models import Activity
from pgs_web.trade.intake.keys import flow_key, intake_key
from pgs_web.trade.intake.messages import Admission, AdmitReply
from pgs_web.trade.intake.scripts import admit_orders

ORDERS_A_CALL = 100
FIRST_MEMBER = 5_000_000


def make_activities(partitions: int) -> list[Activity]:
    """One running activity in each of so many partitions."""
    found: dict[int, Activity] = {}
    while len(found) < partitions:
        activity = make_activity()
        found.setdefault(partition_of(activity.pk), activity)
    return list(found.values())


def fill_streams(activities: Sequence[Activity], *, orders: int) -> None:
    """Admits so many orders through the real scripts; the two of a group are members of any two nodes."""
    members = list(range(FIRST_MEMBER, FIRST_MEMBER + 10 * orders, 10))
    random.Random(0).shuffle(members)
    friends = iter(members)
    for start in range(0, orders, ORDERS_A_CALL):
        activity = activities[start // ORDERS_A_CALL % len(activities)]
        batch = list(_make_pairs(activity, friends, min(ORDERS_A_CALL, orders - start)))
        claim_all(batch)
        verdicts = admit_orders(partition=partition_of(activity.pk), orders=batch)
        if any(verdict.reply is not AdmitReply.ADMITTED for verdict in verdicts):
            raise AssertionError(f"an order was refused: {verdicts}")


def count_written() -> int:
    """Orders that the drains have acknowledged, over all partitions."""
    written = 0
    for partition in range(partition_count()):
        counters = ledger(partition).hmget(flow_key(partition), ["persisted", "rejected"])
        written += sum(int(counter or 0) for counter in counters)
    return written


def has_begun() -> bool:
    """Whether a drain has read the first entry."""
    return any(
        group["entries-read"]
        for partition in range(partition_count())
        if ledger(partition).exists(intake_key(partition))
        for group in ledger(partition).xinfo_groups(intake_key(partition))
    )


def _make_pairs(activity: Activity, friends: Iterator[int], count: int) -> Iterator[Admission]:
    group_id = None
    for place in range(count):
        member_id = next(friends)
        order_id = new_id(slot=slot_of_key(member_id))
        opens = place % 2 == 0
        joins = None if opens else group_id
        if opens:
            group_id = new_id(slot=slot_of_id(order_id))
        yield Admission(
            order_id=order_id,
            activity_id=activity.pk,
            member_id=member_id,
            quantity=1,
            join_group_id=joins,
            open_group_id=group_id if opens else None,
            address_id=member_id,
            idempotency_key=f"{random.getrandbits(128):032x}",
            trace_id="",
        )
