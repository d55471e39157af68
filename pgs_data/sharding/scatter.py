"""The named scatter-gather: the few reads that ask every data node, each bounded and each visible by its name.

Nodes are asked one after the other; one that is down fails the whole read, because a part would look like the whole.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import Error, models
from django.db.models import Q, Sum

from pgs_data.sharding.errors import ShardingError
from pgs_data.sharding.querysets import ShardedQuerySet
from pgs_data.sharding.shard_keys import is_sharded
from pgs_data.sharding.slots import node_aliases

Row = TypeVar("Row", bound=models.Model)
Answer = TypeVar("Answer")
QuerysetBuilder = Callable[["ShardedQuerySet[Row]"], "models.QuerySet[Row]"]

LARGEST_PAGE = 500
# Their order is the same in every database and in Python; texts are ordered by a collation.
SORTABLE_FIELDS = (models.IntegerField, models.AutoField, models.DateField)


@dataclass(frozen=True, kw_only=True)
class PagePosition:
    """The last row of a page: the value it is sorted by, its primary key and its node."""

    value: Any
    pk: Any
    node: str


@dataclass(frozen=True, kw_only=True)
class ScatterPage(Generic[Row]):
    """Rows of all nodes in one order; `next_position` is None on the last page."""

    rows: list[Row]
    next_position: PagePosition | None


def all_rows(queryset: "ShardedQuerySet[Row]") -> "models.QuerySet[Row]":
    """The builder that changes nothing."""
    return queryset


def scatter(queryset_builder: "QuerysetBuilder[Row]", model: type[Row], *, limit_per_node: int) -> list[Row]:
    """The first limit_per_node rows of the built query on every node, node after node."""
    if limit_per_node < 1:
        raise ValueError(f"limit_per_node is at least 1, got {limit_per_node}.")
    parts = _ask_nodes(model, lambda queryset: list(queryset_builder(queryset)[:limit_per_node]))
    return [row for part in parts.values() for row in part]


def scatter_aggregate(
    model: type[Row], queryset_builder: "QuerysetBuilder[Row]" = all_rows, **aggregates: Any
) -> dict[str, dict[str, Any]]:
    """Node alias → the aggregates of its rows."""
    return _ask_nodes(model, lambda queryset: queryset_builder(queryset).aggregate(**aggregates))


def scatter_count(model: type[Row], queryset_builder: "QuerysetBuilder[Row]" = all_rows) -> dict[str, int]:
    """Node alias → number of its rows."""
    return _ask_nodes(model, lambda queryset: queryset_builder(queryset).count())


def scatter_sum(model: type[Row], field: str, queryset_builder: "QuerysetBuilder[Row]" = all_rows) -> dict[str, int]:
    """Node alias → sum of an integer field over its rows; 0 where there are none."""
    found = scatter_aggregate(model, queryset_builder, total=Sum(field))
    return {alias: int(values["total"] or 0) for alias, values in found.items()}


def scatter_iterate(
    model: type[Row], *, chunk_size: int = 500, queryset_builder: "QuerysetBuilder[Row]" = all_rows
) -> Iterator[Row]:
    """Every row, node after node in the order of the primary key, chunk_size rows in memory."""
    if chunk_size < 1:
        raise ValueError(f"chunk_size is at least 1, got {chunk_size}.")
    for alias in node_aliases():
        after: Any = None
        while True:

            def read(queryset: "ShardedQuerySet[Row]", after: Any = after) -> list[Row]:
                # By key and not by OFFSET: rows that come or go meanwhile don't shift the others.
                built = queryset_builder(queryset if after is None else queryset.filter(pk__gt=after))
                return list(built.order_by("pk")[:chunk_size])

            chunk = _ask_node(alias, model, read)
            yield from chunk
            if len(chunk) < chunk_size:
                break
            after = chunk[-1].pk


def scatter_page(
    model: type[Row],
    *,
    page_size: int,
    order_by: str = "-id",
    after: PagePosition | None = None,
    filters: Q | None = None,
    queryset_builder: "QuerysetBuilder[Row]" = all_rows,
) -> "ScatterPage[Row]":
    """One page over all nodes, sorted by a number or time and then the primary key; costs page_size + 1 rows a node."""
    if not 1 <= page_size <= LARGEST_PAGE:
        raise ValueError(f"page_size is 1..{LARGEST_PAGE}, got {page_size}.")
    descending = order_by.startswith("-")
    name = _sortable(model, order_by.removeprefix("-"))
    sign = "-" if descending else ""

    def place(row: Row) -> tuple[Any, Any, str]:
        return getattr(row, name), row.pk, str(row._state.db)

    def read(queryset: "ShardedQuerySet[Row]") -> list[Row]:
        built = queryset_builder(queryset.filter(filters) if filters is not None else queryset)
        if after is not None:
            built = built.filter(_beyond(after, name=name, descending=descending, alias=queryset.db))
        return list(built.order_by(f"{sign}{name}", f"{sign}pk")[: page_size + 1])

    merged = list(heapq.merge(*_ask_nodes(model, read).values(), key=place, reverse=descending))
    rows = merged[:page_size]
    position = None
    if len(merged) > page_size:
        value, pk, node = place(rows[-1])
        position = PagePosition(value=value, pk=pk, node=node)
    return ScatterPage(rows=rows, next_position=position)


def _beyond(position: PagePosition, *, name: str, descending: bool, alias: str) -> Q:
    """Rows of this node that come after the position in the order (value, pk, node)."""
    less_or_greater = "lt" if descending else "gt"
    # Automatic primary keys of two nodes can be equal: then the node's name decides who comes first.
    is_later_node = alias < position.node if descending else alias > position.node
    pk_lookup = f"pk__{less_or_greater}{'e' if is_later_node else ''}"
    # Written without `=`: an equal shard key would pin the condition to one node.
    return Q(**{f"{name}__{less_or_greater}e": position.value}) & (
        Q(**{f"{name}__{less_or_greater}": position.value}) | Q(**{pk_lookup: position.pk})
    )


def _sortable(model: type[models.Model], name: str) -> str:
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    if not isinstance(field, SORTABLE_FIELDS) or field.null:
        raise ValueError(f"Pages are sorted by a number or time that is never null, not by {name!r}.")
    return field.attname


def _ask_nodes(model: type[Row], read: "Callable[[ShardedQuerySet[Row]], Answer]") -> dict[str, Answer]:
    if not is_sharded(model):
        raise ShardingError(f"{model.__name__} is not spread over nodes: read it as usual.")
    return {alias: _ask_node(alias, model, read) for alias in node_aliases()}


def _ask_node(alias: str, model: type[Row], read: "Callable[[ShardedQuerySet[Row]], Answer]") -> Answer:
    try:
        return read(model._default_manager.on_node(alias))  # type: ignore[attr-defined]
    except Error as error:
        # "Can't connect" alone doesn't say to whom.
        error.add_note(f"While reading {model.__name__} on {alias}.")
        raise
