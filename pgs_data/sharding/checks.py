"""System checks: a slot map without holes, and sharded models whose rows can be found again."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models

from pgs_data.sharding.querysets import ShardedQuerySet
from pgs_data.sharding.slots import slot_map

ROUTER = "pgs_data.sharding.routers.ShardRouter"
# 63 bits fit, and the database doesn't invent the value.
KEY_FIELDS = (models.BigIntegerField, models.PositiveBigIntegerField)
INVENTED_FIELDS = (models.AutoField, models.BigAutoField, models.SmallAutoField)


def check_slot_map(**_options: Any) -> list[CheckMessage]:
    """Every slot has a node, every node a database, and the router is on."""
    problems: list[CheckMessage] = []
    try:
        slot_map()
    except ImproperlyConfigured as error:
        hint = 'Leave SLOT_MAP empty for equal ranges, or cover 0-63: "0-31:node0,32-63:node1".'
        problems.append(Error(str(error), hint=hint, id="sharding.E001"))
    missing = sorted(set(settings.DATA_NODES) - settings.DATABASES.keys())
    if missing:
        problems.append(
            Error(f"Data nodes without a database: {missing}.", hint="Add them to DATABASES.", id="sharding.E002")
        )
    if ROUTER not in settings.DATABASE_ROUTERS:
        hint = f"DATABASE_ROUTERS = [{ROUTER!r}]"
        problems.append(Error("Without its router, sharded rows land on `default`.", hint=hint, id="sharding.E003"))
    return problems


def check_sharded_models(app_configs: Any = None, **_options: Any) -> list[CheckMessage]:
    """Every sharded model has a usable shard field, routing managers, and relations within one database."""
    chosen = [model for config in app_configs for model in config.get_models()] if app_configs else apps.get_models()
    return [problem for model in chosen for problem in _problems_of_model(model)]


def _problems_of_model(model: type[models.Model]) -> Iterator[CheckMessage]:
    # By attribute and not by class: this module is read before models can be.
    if hasattr(model, "shard_field"):
        yield from _problems_of_key(model)
        for manager in (model._default_manager, model._base_manager):
            if not isinstance(manager.get_queryset(), ShardedQuerySet):
                yield Error(
                    f"Manager {manager.name!r} of {model.__name__} doesn't find nodes by itself.",
                    hint="Inherit ShardedModel first, and build managers from ShardedQuerySet.",
                    obj=model,
                    id="sharding.E007",
                )
    yield from _problems_of_relations(model)


def _problems_of_key(model: type[models.Model]) -> Iterator[CheckMessage]:
    try:
        field: Any = model._meta.get_field(model.shard_field)  # type: ignore[attr-defined]
    except FieldDoesNotExist:
        yield Error(
            f"shard_field of {model.__name__} names no field: {model.shard_field!r}.",  # type: ignore[attr-defined]
            hint='Name the field whose value carries the slot: shard_field = "id".',
            obj=model,
            id="sharding.E004",
        )
        return
    if isinstance(field, INVENTED_FIELDS):
        yield Error(
            f"{field.name} of {model.__name__} is numbered by the database, so it carries no slot.",
            hint="Use BigIntegerField(primary_key=True) filled by pgs_data.ids.snowflake.new_id(slot=…).",
            obj=model,
            id="sharding.E005",
        )
        return
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    if not isinstance(target, KEY_FIELDS) or field.null or field.has_default():
        yield Error(
            f"{field.name} of {model.__name__} can't be a shard key.",
            hint="A shard key is a 64-bit integer, never null and without a default: every row must say its node.",
            obj=model,
            id="sharding.E006",
        )


def _problems_of_relations(model: type[models.Model]) -> Iterator[CheckMessage]:
    field: Any
    for field in model._meta.get_fields():
        related = field.related_model
        if not field.is_relation or field.auto_created or not isinstance(related, type):
            continue
        if field.many_to_many and hasattr(model, "shard_field"):
            is_split = True
        else:
            is_split = hasattr(model, "shard_field") != hasattr(related, "shard_field")
        if is_split:
            yield Error(
                f"{model.__name__}.{field.name} points to {related.__name__} in another database.",
                hint="Keep the id in a BigIntegerField and read the other row by it.",
                obj=field,
                id="sharding.E008",
            )
        elif hasattr(model, "shard_field") and model.shard_field not in (field.name, field.attname):
            # A join across nodes finds nothing and says nothing.
            yield Error(
                f"{model.__name__}.{field.name} isn't the shard field: its {related.__name__} may be on another node.",
                hint="Keep the id in a BigIntegerField and read the other row by it.",
                obj=field,
                id="sharding.E009",
            )
