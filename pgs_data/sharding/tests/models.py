"""Tables that exist in the tests only: a sharded parent, children with and without a foreign key."""

from typing import Any

from django.db import models

from pgs_data.sharding.models import ShardedModel
from pgs_data.sharding.querysets import ShardedManager, ShardedQuerySet


class RecordQuerySet(ShardedQuerySet["Record"]):
    def heavy(self) -> "RecordQuerySet":
        return self.filter(weight__gte=100)


class Record(ShardedModel):
    shard_field = "id"
    former_names = ("Parchment",)

    id = models.BigIntegerField(primary_key=True)
    label = models.CharField(max_length=40, default="")
    weight = models.BigIntegerField(default=0)
    at = models.DateTimeField(null=True)

    # The reverse side of Entry.record.
    entries: Any

    objects = ShardedManager.from_queryset(RecordQuerySet)()

    class Meta:
        app_label = "pgs_data"


class Entry(ShardedModel):
    """Finds its node by a foreign key's value."""

    shard_field = "record_id"

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="entries")
    word = models.CharField(max_length=40)

    class Meta:
        app_label = "pgs_data"


class Note(ShardedModel):
    """Finds its node by a plain number, as most rows of the project do; its own key is the database's."""

    shard_field = "record_id"

    record_id = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    text = models.CharField(max_length=40, default="")

    class Meta:
        app_label = "pgs_data"
        constraints = [models.UniqueConstraint(fields=["record_id", "kind"], name="note_once_a_kind")]
