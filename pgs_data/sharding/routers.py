"""Sends sharded rows to their node and everything else to `default`; named in DATABASE_ROUTERS."""

from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from pgs_data.sharding.errors import CrossShardQuery
from pgs_data.sharding.node_choice import missing_key
from pgs_data.sharding.shard_keys import alias_of_row, is_sharded, key_of_row
from pgs_data.sharding.slots import alias_of_id, is_node

BACKUP_DB_ALIAS = "backup"


class ShardRouter:
    """Django's database router of this project."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        """Where the hinted row was read or lives; raises ShardKeyMissing for a sharded model without one."""
        if not is_sharded(model):
            return DEFAULT_DB_ALIAS
        row = _sharded_row(model, hints)
        return row._state.db or alias_of_row(row)

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        """Where the row belongs; raises ShardKeyMissing, and CrossShardQuery when its key was changed after loading."""
        if not is_sharded(model):
            return DEFAULT_DB_ALIAS
        row = _sharded_row(model, hints)
        loaded_from = row._state.db
        if loaded_from is None:
            return alias_of_row(row)
        key = key_of_row(row)
        if is_node(loaded_from) and key is not None and alias_of_id(key) != loaded_from:
            raise CrossShardQuery(
                f"This {type(row).__name__} was loaded from {loaded_from} but its shard key {key} names"
                f" {alias_of_id(key)}: a key never changes. To write a copy elsewhere on purpose, pass using=."
            )
        return loaded_from

    def allow_relation(self, obj1: Model, obj2: Model, **_hints: Any) -> bool | None:
        """Relations stay within one database."""
        if not is_sharded(type(obj1)) and not is_sharded(type(obj2)):
            return None
        if is_sharded(type(obj1)) != is_sharded(type(obj2)):
            return False
        first, second = (row._state.db or alias_of_row(row) for row in (obj1, obj2))
        return first == second

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        """Sharded tables on nodes and backup, others on `default`; RunPython may say hints={"sharded": True}."""
        sharded = hints.get("sharded")
        if sharded is None:
            # Historical models don't inherit ShardedModel, so the name is looked up among today's models.
            sharded = (app_label, model_name) in _sharded_names()
        return (is_node(db) or db == BACKUP_DB_ALIAS) if sharded else db == DEFAULT_DB_ALIAS


def _sharded_row(model: type[Model], hints: dict[str, Any]) -> Model:
    row = hints.get("instance")
    if not isinstance(row, Model) or not is_sharded(type(row)):
        raise missing_key(model)
    return row


def _sharded_names() -> set[tuple[str, str]]:
    return {
        (model._meta.app_label, name.lower())
        for model in apps.get_models(include_auto_created=True)
        if is_sharded(model)
        for name in (model.__name__, *model.former_names)  # type: ignore[attr-defined]
    }
