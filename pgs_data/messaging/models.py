"""Messages on their way out, and marks of those that have taken effect; each on the node of its fact."""

from typing import ClassVar

from django.db import models

from pgs_data.sharding.models import ShardedModel


class OutboxMessage(ShardedModel):
    """A message that waits for the relay; written in its fact's transaction, deleted once its handler returned."""

    shard_field: ClassVar[str] = "shard_key"

    # Counts per node: a message is named by node and id together.
    id = models.BigAutoField(primary_key=True)
    shard_key = models.BigIntegerField()
    topic = models.CharField(max_length=64)
    payload = models.JSONField()
    created_at = models.DateTimeField()
    available_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        db_table = "outbox_message"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["available_at", "id"], name="outbox_message_available"),
        ]


class ConsumedMessage(ShardedModel):
    """A consumer's mark that a message has taken effect, written in the effect's own transaction."""

    shard_field: ClassVar[str] = "shard_key"

    id = models.BigAutoField(primary_key=True)
    shard_key = models.BigIntegerField()
    consumer = models.CharField(max_length=64)
    message_key = models.CharField(max_length=128)
    # Which call wrote the mark: after an insert that skips known keys, tells the new ones from the old.
    taken_by = models.CharField(max_length=32)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "consumed_message"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["consumer", "message_key"], name="consumed_message_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at"], name="consumed_message_age"),
        ]
