"""How much is still on its way: what invariants and metrics ask."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from pgs_data.messaging.models import OutboxMessage


@dataclass(frozen=True, kw_only=True)
class StreamBacklog:
    """A group's work: entries never delivered, delivered and unanswered, and the oldest id of either."""

    undelivered: int
    pending: int
    oldest_id: str | None

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest entry was written, on Redis' clock, in milliseconds since 1970."""
        return int(self.oldest_id.partition("-")[0]) if self.oldest_id else None


@dataclass(frozen=True, kw_only=True)
class OutboxBacklog:
    """A node's unsent messages; `failing` were tried before."""

    count: int
    failing: int
    oldest_at: datetime | None


def stream_backlog(client: redis.Redis, stream: str, group: str) -> StreamBacklog:
    """What the group hasn't acknowledged; a stream without the group is undelivered as a whole."""
    groups = client.xinfo_groups(stream) if client.exists(stream) else []
    facts = next((facts for facts in groups if facts["name"] == group.encode()), None)
    last_delivered = facts["last-delivered-id"].decode() if facts else "0-0"
    next_entries: Any = client.xrange(stream, min=f"({last_delivered}", count=1)
    undelivered = 0
    if next_entries:
        lag = facts["lag"] if facts else client.xlen(stream)
        # Redis knows no lag after entries were deleted from the middle; then at least the one that was found.
        undelivered = max(1, lag or 0)
    pending: Any = client.xpending(stream, group) if facts else {"pending": 0, "min": None}
    oldest = pending["min"] or (next_entries[0][0] if next_entries else None)
    return StreamBacklog(
        undelivered=undelivered, pending=pending["pending"], oldest_id=oldest.decode() if oldest else None
    )


def outbox_backlog(node: str) -> OutboxBacklog:
    """What a node's relay hasn't delivered; raises OperationalError when the node is down."""
    rows = OutboxMessage.objects.on_node(node)
    return OutboxBacklog(
        count=rows.count(),
        failing=rows.filter(attempts__gt=0).count(),
        oldest_at=rows.order_by("id").values_list("created_at", flat=True).first(),
    )
