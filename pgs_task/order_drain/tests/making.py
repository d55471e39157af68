"""What the drain finds and leaves, for tests."""

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_task.order_drain.consuming import PartitionDrain
from pgs_task.order_drain.facts import OrderFacts, read_facts
from pgs_web.display.activity.models import Activity
from pgs_web.trade.intake.keys import INTAKE_GROUP, flow_key, intake_key
from pgs_web.trade.intake.tests.making import stream_of

# On node0, node1 and node2 of the default map: slots 0, 25 and 50.
MEMBERS_ON_THREE_NODES = (1, 251, 501)


def facts_in_stream(activity: Activity) -> list[OrderFacts]:
    """Facts of everything in the activity's stream."""
    return [read_facts(fields[b"d"]) for _entry, fields in stream_of(activity)]


def drain(activity: Activity, **options: object) -> PartitionDrain:
    """A drain of the activity's partition that has read until nothing was left to read."""
    one = PartitionDrain(partition_of(activity.pk), block_ms=1, **options)  # type: ignore[arg-type]
    idle_reads = 0
    while idle_reads < 2:
        idle_reads = 0 if one.consumer.run_once() else idle_reads + 1
    return one


def counters(activity: Activity) -> dict[str, int]:
    """accepted, persisted, rejected, foreign of the activity's partition."""
    names = ("accepted", "persisted", "rejected", "foreign")
    partition = partition_of(activity.pk)
    values = ledger(partition).hmget(flow_key(partition), names)
    return {name: int(value or 0) for name, value in zip(names, values, strict=True)}


def pending(activity: Activity) -> int:
    """Entries that were delivered and not acknowledged."""
    partition = partition_of(activity.pk)
    return int(ledger(partition).xpending(intake_key(partition), INTAKE_GROUP)["pending"])
