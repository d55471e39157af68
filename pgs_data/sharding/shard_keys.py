"""Finds the shard key of a row, and the shard keys to which a query is limited, in the query's own WHERE tree.

Reading the tree, and not the arguments of each filter(), makes every road equal: chained filters, Q objects, `pk`,
foreign keys, reverse relations, `&` and `|`, pickled querysets.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from django.db.models import Field, Model, Subquery, Value
from django.db.models.expressions import Col
from django.db.models.lookups import Exact, In, Lookup
from django.db.models.sql.query import Query
from django.db.models.sql.where import AND, OR, NothingNode, WhereNode

from pgs_data.sharding.errors import ShardKeyMissing
from pgs_data.sharding.slots import LARGEST_ID, SLOT_SHIFT, alias_of_id, alias_of_slot


def is_sharded(model: type[Model]) -> bool:
    """True for a model whose rows are spread over the data nodes."""
    return bool(getattr(model, "shard_field", None))


@cache
def shard_field_of(model: type[Model]) -> "Field[Any, Any]":
    """The field that names a row's node; raises FieldDoesNotExist for a wrong shard_field."""
    field: Field[Any, Any] = model._meta.get_field(model.shard_field)  # type: ignore[attr-defined, assignment]
    return field


def names_of_shard_field(model: type[Model]) -> frozenset[str]:
    """Every name under which callers may give the shard key as a keyword."""
    field = shard_field_of(model)
    return frozenset({field.name, field.attname, *(["pk"] if field.primary_key else [])})


def key_of_row(row: Model) -> int | None:
    """The row's shard key; None when it isn't set or wasn't loaded. Never touches a database."""
    # __dict__ and not getattr: reading a deferred field would load it, and loading asks for the node again.
    key = row.__dict__.get(shard_field_of(type(row)).attname)
    return int(key) if key is not None else None


def alias_of_row(row: Model) -> str:
    """The node that the row's shard key names; raises ShardKeyMissing while it has none."""
    key = key_of_row(row)
    if key is None:
        model = type(row)
        raise ShardKeyMissing(
            f"A {model.__name__} without {shard_field_of(model).attname} has no node: set it before the row is saved"
            " or asked for its relations."
        )
    return alias_of_id(key)


def aliases_of_keys(keys: Iterable[int]) -> set[str]:
    """Nodes of the keys; numbers that can't be ids belong to no row and are left out."""
    # By slot, because hundreds of keys have few slots and this runs before every statement.
    return {alias_of_slot(slot) for slot in {key >> SLOT_SHIFT for key in keys if 0 <= key <= LARGEST_ID}}


def model_of(query: Query) -> type[Model]:
    """The model that the query reads."""
    assert query.model is not None
    return query.model


def possible_keys(query: Query) -> frozenset[int] | None:
    """Shard keys that rows of this query can have; None when nothing limits them."""
    return _possible(query.where, _ShardColumn(query))


def mentioned_keys(query: Query) -> frozenset[int]:
    """Every shard key that the query asks for, also as one side of an OR; what it excludes isn't counted."""
    return frozenset(_mentioned(query.where, _ShardColumn(query)))


def subqueries_of(query: Query) -> Iterator[Query]:
    """The queries inside this query's conditions and annotations, at any depth."""
    for expression in (query.where, *query.annotations.values()):
        for inner in _queries_in(expression):
            yield inner
            yield from subqueries_of(inner)


class _ShardColumn:
    """Recognises the shard field's column of the query's own table, not of a joined one."""

    def __init__(self, query: Query) -> None:
        model = model_of(query)
        self.column = shard_field_of(model).column
        self.table_alias = next(iter(query.alias_map), model._meta.db_table)

    def keys_asked(self, condition: object) -> frozenset[int] | None:
        if not isinstance(condition, Exact | In) or not isinstance(condition.lhs, Col):
            return None
        if condition.lhs.alias != self.table_alias or condition.lhs.target.column != self.column:
            return None
        asked = condition.rhs if isinstance(condition, In) else [condition.rhs]
        if not isinstance(asked, Iterable) or isinstance(asked, Query | str):
            return None
        # Equal to NULL is never true.
        values = [value.value if isinstance(value, Value) else value for value in asked if value is not None]
        return frozenset(values) if all(isinstance(value, int) for value in values) else None


def _possible(condition: object, shard_column: _ShardColumn) -> frozenset[int] | None:
    if isinstance(condition, NothingNode):
        return frozenset()
    if not isinstance(condition, WhereNode):
        return shard_column.keys_asked(condition)
    if condition.negated or condition.connector not in (AND, OR):
        return None
    parts = [_possible(child, shard_column) for child in condition.children]
    known = [part for part in parts if part is not None]
    if not known or (condition.connector == OR and len(known) < len(parts)):
        return None
    return frozenset.union(*known) if condition.connector == OR else frozenset.intersection(*known)


def _mentioned(condition: object, shard_column: _ShardColumn) -> Iterator[int]:
    if isinstance(condition, WhereNode):
        if not condition.negated:
            for child in condition.children:
                yield from _mentioned(child, shard_column)
    else:
        yield from shard_column.keys_asked(condition) or ()


def _queries_in(expression: Any) -> Iterator[Query]:
    if isinstance(expression, Query):
        yield expression
    elif isinstance(expression, Subquery):
        yield expression.query
    elif isinstance(expression, WhereNode):
        for child in expression.children:
            yield from _queries_in(child)
    elif isinstance(expression, Lookup) or hasattr(expression, "get_source_expressions"):
        for source in expression.get_source_expressions():
            yield from _queries_in(source)
