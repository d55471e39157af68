"""Chooses the database of one query or write, and refuses what would silently miss or misplace rows."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import router
from django.db.models import Model
from django.db.models.sql.query import Query

from pgs_data.sharding.errors import CrossShardQuery, ShardKeyMissing
from pgs_data.sharding.shard_keys import (
    alias_of_row,
    aliases_of_keys,
    is_sharded,
    mentioned_keys,
    model_of,
    possible_keys,
    shard_field_of,
    subqueries_of,
)
from pgs_data.sharding.slots import is_node, node_aliases


def choose_node(query: Query, *, hints: Mapping[str, Any], for_write: bool) -> str:
    """Alias on which the query runs; raises ShardKeyMissing or CrossShardQuery."""
    row = hints.get("instance")
    if isinstance(row, Model) and is_sharded(type(row)) and row._state.db and not is_node(row._state.db):
        # A row read from a copy such as `backup` finds its relations there, as everywhere in Django.
        return row._state.db
    model, keys = model_of(query), possible_keys(query)
    if keys is None:
        alias = (router.db_for_write if for_write else router.db_for_read)(model, **hints)
    else:
        alias = one_alias(aliases_of_keys(keys), model=model)
    refuse_foreign_subqueries(query, alias=alias)
    return alias


def one_alias(aliases: set[str], *, model: type[Model]) -> str:
    """The only alias of the set; any node for an empty one, where no row can match. Raises CrossShardQuery."""
    if len(aliases) > 1:
        field = shard_field_of(model).attname
        raise CrossShardQuery(
            f"These {field} of {model.__name__} live on {', '.join(sorted(aliases))}, and one query reads one node:"
            f" use .for_ids(ids), or group them with ids_by_node()."
        )
    return next(iter(aliases), node_aliases()[0])


def refuse_foreign_keys(query: Query, *, alias: str) -> None:
    """Raises CrossShardQuery when the query asks the chosen node for rows that live on another one."""
    foreign = aliases_of_keys(mentioned_keys(query)) - {alias}
    if foreign:
        raise CrossShardQuery(
            f"The query on {alias} asks for {shard_field_of(model_of(query)).attname} of {', '.join(sorted(foreign))}"
            " and would silently find nothing: leave .on_node() away, the key names the node."
        )
    refuse_foreign_subqueries(query, alias=alias)


def refuse_foreign_subqueries(query: Query, *, alias: str) -> None:
    """Raises CrossShardQuery when a subquery's rows aren't on the node on which the whole query runs."""
    for inner in subqueries_of(query):
        if inner.model is None:
            continue
        chosen = getattr(inner, "_db", None)
        keys = possible_keys(inner) if is_sharded(inner.model) else None
        elsewhere = {chosen} if chosen else aliases_of_keys(keys or ())
        if not is_sharded(inner.model) and is_node(alias):
            elsewhere = {router.db_for_read(inner.model)}
        if elsewhere - {alias}:
            raise CrossShardQuery(
                f"The query runs on {alias} but its subquery of {inner.model.__name__} belongs to"
                f" {', '.join(sorted(elsewhere - {alias}))}: read the inner rows first and pass their values."
            )


def node_of_rows(rows: Iterable[Model], *, model: type[Model]) -> str:
    """The one node to which all rows belong; raises ShardKeyMissing or CrossShardQuery."""
    aliases = {alias_of_row(row) for row in rows}
    if len(aliases) > 1:
        raise CrossShardQuery(
            f"These {model.__name__} rows belong to {', '.join(sorted(aliases))}, and one statement writes one node:"
            " group them by alias_of_row() first."
        )
    return next(iter(aliases))


def missing_key(model: type[Model]) -> ShardKeyMissing:
    """The error that teaches how to name a node."""
    field = shard_field_of(model).attname
    return ShardKeyMissing(
        f"{model.__name__} lives on the data nodes and is found by {field}: add .filter({field}=…), use"
        f" .for_ids(ids) for many, .on_node(alias) for one node, or pgs_data.sharding.scatter for all of them."
    )
