"""Makes an effect happen once though its message comes several times: a mark in the effect's own transaction."""

import secrets
from collections.abc import Collection
from datetime import datetime

from pgs_data.clock import DatabaseNow
from pgs_data.messaging.models import ConsumedMessage
from pgs_data.sharding.slots import alias_of_id, require_node
from pgs_data.sharding.transactions import is_transaction_open

CONSUMER_LENGTH = 64
KEY_LENGTH = 128
ROWS_A_STATEMENT = 500


class OnceOutsideTransaction(Exception):
    """A mark was set outside the transaction of its effect; a crash between the two would lose or repeat the effect."""


def take_once(*, consumer: str, message_keys: Collection[str], shard_key: int) -> set[str]:
    """Those keys that this consumer has not taken on this node before; the caller now applies exactly their effects.

    Call it inside the node_transaction that has the effect: a rollback gives the keys back. A transaction that takes
    the same key at the same time waits for the first one's end. Raises OnceOutsideTransaction, and ValueError for a
    name or key that is empty or too long.
    """
    if not message_keys:
        return set()
    if not is_transaction_open(alias_of_id(shard_key)):
        raise OnceOutsideTransaction(f"take_once({consumer!r}) belongs inside node_transaction({shard_key}).")
    if not 0 < len(consumer) <= CONSUMER_LENGTH or not all(0 < len(key) <= KEY_LENGTH for key in message_keys):
        # INSERT IGNORE would cut an over-long key, and two messages could then look like one.
        raise ValueError(f"A consumer has 1 to {CONSUMER_LENGTH} characters, a message key 1 to {KEY_LENGTH}.")
    # Sorted, so that two transactions with common keys meet in the same order and don't deadlock.
    keys = sorted(set(message_keys))
    taken_by = secrets.token_hex(16)
    rows = [
        ConsumedMessage(
            shard_key=shard_key, consumer=consumer, message_key=key, taken_by=taken_by, created_at=DatabaseNow()
        )
        for key in keys
    ]
    ConsumedMessage.objects.bulk_create(rows, ignore_conflicts=True, batch_size=ROWS_A_STATEMENT)
    taken: set[str] = set()
    for start in range(0, len(keys), ROWS_A_STATEMENT):
        taken.update(
            ConsumedMessage.objects.on_node(alias_of_id(shard_key))
            .filter(consumer=consumer, message_key__in=keys[start : start + ROWS_A_STATEMENT], taken_by=taken_by)
            .values_list("message_key", flat=True)
        )
    return taken


def forget_taken(*, node: str, before: datetime, limit: int = 1000) -> int:
    """Removes up to `limit` marks older than `before` from a node; returns how many. Their messages must be gone."""
    rows = ConsumedMessage.objects.on_node(require_node(node))
    old = list(rows.filter(created_at__lt=before).order_by("created_at").values_list("pk", flat=True)[:limit])
    return rows.filter(pk__in=old).delete()[0] if old else 0
