"""Messages of games that are gone."""

from typing import ClassVar

from django.db import models

from pgs_data.sharding.models import ShardedModel


class SetAsideMessage(ShardedModel):
    """What an outbox message said whose game isn't on; on the same node, until the game is on again."""

    shard_field: ClassVar[str] = "shard_key"

    id = models.BigAutoField(primary_key=True)
    shard_key = models.BigIntegerField()
    code = models.CharField(max_length=31)
    topic = models.CharField(max_length=64)
    payload = models.JSONField()
    # The outbox's own number on this node: the same message set aside twice is one row.
    outbox_id = models.BigIntegerField(unique=True)
    told_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "play_set_aside_message"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["code", "id"], name="play_set_aside_of_code"),
            # What goes back is looked for every few seconds, however much waits for a game that is gone.
            models.Index(fields=["topic", "id"], name="play_set_aside_of_topic"),
        ]
