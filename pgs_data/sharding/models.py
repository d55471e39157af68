"""The parent of every model whose rows are spread over the data nodes."""

from typing import Any, ClassVar

from django.db import models

from pgs_data.sharding.querysets import ShardedManager
from pgs_data.sharding.slots import is_node
from pgs_data.sharding.transactions import refuse_write_beside_transaction


class ShardedModel(models.Model):
    """A row lives on the node that the slot in its shard field names; save, delete and refresh find it themselves."""

    # Name of the 64-bit field whose value is an id with a slot: "id", or a parent's id such as "order_id".
    shard_field: ClassVar[str] = ""
    # Earlier class names, so that migrations written before a rename still run on the nodes.
    former_names: ClassVar[tuple[str, ...]] = ()

    objects = ShardedManager()

    class Meta:
        abstract = True
        # Forward foreign keys and refresh_from_db() read through the base manager: it has to route too.
        base_manager_name = "objects"

    def save_base(
        self,
        raw: bool = False,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Any = None,
    ) -> None:
        """Writes the row; raises CrossNodeTransaction inside a transaction of another node."""
        if is_node(using):
            refuse_write_beside_transaction(using)
        super().save_base(raw, force_insert, force_update, using, update_fields)
