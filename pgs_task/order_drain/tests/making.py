"""What the drain finds and leaves, for tests."""

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of, partitions_of
from pgs_data.sharding.slots import node_aliases
from pgs_task.order_drain.facts import OrderFacts, read_facts
from pgs_task.order_drain.keys import later_key
from pgs_task.order_drain.loops import DrainReport, drain_once
from pgs_task.order_drain.queue import streams_of
from pgs_web.display.activity.models import Activity
from pgs_web.trade.intake.keys import INTAKE_GROUP, flow_key
from pgs_web.trade.intake.tests.making import stream_of

# On node0, node1 and node2 of the default map: slots 0, 25 and 50.
MEMBERS_ON_THREE_NODES = (1, 251, 501)


def facts_in_stream(activity: Activity) -> list[OrderFacts]:
    """Facts of everything in the activity's stream."""
    return [facts for _entry, fields in stream_of(activity) for facts in read_facts(text_keys(fields)).fit]


def text_keys(fields: dict[bytes, bytes]) -> dict[str, bytes]:
    """An entry's fields as the consumer hands them on."""
    return {name.decode(): value for name, value in fields.items()}


def drain(activity: Activity, *, claim_idle_ms: int = 5000) -> DrainReport:
    """What became of the orders of the activity's partitions, read until nothing was left to read."""
    return drain_once(partitions=list(partitions_of(activity.pk)), claim_idle_ms=claim_idle_ms)


def counters(activity: Activity) -> dict[str, int]:
    """accepted, persisted, rejected, foreign of the activity's partition."""
    names = ("accepted", "persisted", "rejected", "foreign")
    partition = partition_of(activity.pk)
    values = ledger(partition).hmget(flow_key(partition), names)
    return {name: int(value or 0) for name, value in zip(names, values, strict=True)}


def pending(activity: Activity) -> int:
    """Entries of all streams of the partition that were delivered and not acknowledged."""
    partition = partition_of(activity.pk)
    client = ledger(partition)
    return sum(
        int(client.xpending(stream, INTAKE_GROUP)["pending"])
        for stream in streams_of(partition)
        if client.exists(stream) and client.xinfo_groups(stream)
    )


def later(activity: Activity) -> dict[str, list[list[int]]]:
    """Node → ids of the orders of each entry that waits for it."""
    partition = partition_of(activity.pk)
    waiting = {}
    for node in node_aliases():
        entries = ledger(partition).xrange(later_key(partition, node))
        if entries:
            waiting[node] = [[facts.id for facts in read_facts(text_keys(fields)).fit] for _entry, fields in entries]
    return waiting
