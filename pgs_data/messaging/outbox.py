"""The only way to tell another node or floor: a message in the transaction that makes its fact true."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pgs_data.clock import DatabaseNow
from pgs_data.messaging.errors import OutboxOutsideTransaction
from pgs_data.messaging.models import OutboxMessage
from pgs_data.sharding.errors import CrossShardQuery
from pgs_data.sharding.slots import ids_by_node
from pgs_data.sharding.transactions import is_transaction_open

ROWS_A_STATEMENT = 500
TOPIC_LENGTH = 64


@dataclass(frozen=True, kw_only=True)
class OutboxDraft:
    """A message to append; `shard_key` is an id whose slot names the node of the fact."""

    topic: str
    shard_key: int
    payload: Mapping[str, Any]


def append_message(*, topic: str, shard_key: int, payload: Mapping[str, Any]) -> None:
    """Appends one message to the open transaction of its node; raises OutboxOutsideTransaction without one."""
    append_messages([OutboxDraft(topic=topic, shard_key=shard_key, payload=payload)])


def append_messages(drafts: Iterable[OutboxDraft]) -> None:
    """Appends messages of one node, in their order, in one statement per 500; raises OutboxOutsideTransaction."""
    drafts = list(drafts)
    if not drafts:
        return
    alias, *others = ids_by_node({draft.shard_key for draft in drafts})
    if others:
        raise CrossShardQuery(f"Messages of {alias} and {', '.join(others)}: each node's go with its own transaction.")
    if not is_transaction_open(alias):
        # Without it a crash between fact and message would lose the message, or tell of a fact that never was.
        raise OutboxOutsideTransaction(
            f"Append {drafts[0].topic!r} inside node_transaction({drafts[0].shard_key}), together with its fact."
        )
    too_long = next((draft.topic for draft in drafts if not 0 < len(draft.topic) <= TOPIC_LENGTH), None)
    if too_long is not None:
        raise ValueError(f"Topic {too_long!r} must have 1 to {TOPIC_LENGTH} characters.")
    now = DatabaseNow()
    OutboxMessage.objects.bulk_create(
        [
            OutboxMessage(
                topic=str(draft.topic),
                shard_key=draft.shard_key,
                payload=dict(draft.payload),
                created_at=now,
                available_at=now,
            )
            for draft in drafts
        ],
        batch_size=ROWS_A_STATEMENT,
    )
