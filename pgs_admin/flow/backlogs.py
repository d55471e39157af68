"""What is on its way: orders in the partitions of Redis, messages on the nodes."""

from dataclasses import dataclass

from pgs_data.messaging.backlog import OutboxBacklog, StreamBacklog, outbox_backlog, stream_backlog
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import partition_count
from pgs_data.sharding.slots import node_aliases
from pgs_web.api.errors import OUTAGES
from pgs_web.trade.intake.keys import INTAKE_GROUP, flow_key, intake_key, set_aside_key


@dataclass(frozen=True, kw_only=True)
class PartitionState:
    """A partition's entries and orders that wait to be written, and entries that nobody could write."""

    partition: int
    backlog: StreamBacklog
    # Orders that were accepted and are neither written nor rejected, wherever they wait.
    orders: int
    # Of these, the orders that wait for a node that is away or doesn't keep up.
    waiting_for_nodes: int
    set_aside: int


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """A node's unsent messages; None when it doesn't answer."""

    node: str
    backlog: OutboxBacklog | None


def read_partitions() -> list[PartitionState] | None:
    """All partitions; None when Redis doesn't answer."""
    try:
        return [_read_partition(partition) for partition in range(partition_count())]
    except RedisUnavailable:
        return None


def _read_partition(partition: int) -> PartitionState:
    client = ledger(partition)
    values = client.hmget(flow_key(partition), ["accepted", "persisted", "rejected", "later"])
    accepted, persisted, rejected, later = (int(value or 0) for value in values)
    return PartitionState(
        partition=partition,
        backlog=stream_backlog(client, intake_key(partition), INTAKE_GROUP),
        orders=max(0, accepted - persisted - rejected),
        waiting_for_nodes=max(0, later),
        set_aside=client.xlen(set_aside_key(partition)),
    )


def read_nodes() -> list[NodeState]:
    """All nodes, each by itself: one that is down doesn't hide the others."""
    return [_read_node(alias) for alias in node_aliases()]


def _read_node(alias: str) -> NodeState:
    try:
        return NodeState(node=alias, backlog=outbox_backlog(alias))
    except OUTAGES:
        return NodeState(node=alias, backlog=None)
