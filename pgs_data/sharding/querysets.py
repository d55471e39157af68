"""Querysets that find their data node in their own filters, and refuse to run without one."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models.query import EmptyQuerySet, ModelIterable

from pgs_data.sharding.errors import CrossShardQuery
from pgs_data.sharding.node_choice import choose_node, node_of_rows, refuse_foreign_keys
from pgs_data.sharding.shard_keys import key_of_row, names_of_shard_field, shard_field_of
from pgs_data.sharding.slots import ids_by_node, is_node, require_node
from pgs_data.sharding.transactions import refuse_write_beside_transaction

Row = TypeVar("Row", bound=models.Model)

# Ids in one `IN (…)`: far below SQLite's limit of variables, and short enough to be planned as index look-ups.
IDS_A_QUERY = 500


class ShardedQuerySet(models.QuerySet[Row]):
    """Runs on the node of the shard key it is filtered by; raises ShardKeyMissing or CrossShardQuery when evaluated."""

    # Chosen by on_node() and checked against the filters; using() is Django's own door and isn't checked.
    _node: str | None = None

    # Django's own, unknown to its stubs.
    _db: str | None
    _hints: dict[str, Any]
    _for_write: bool

    @property
    def db(self) -> str:
        """Alias on which this query runs now; raises ShardKeyMissing or CrossShardQuery."""
        if self._db is None:
            alias = choose_node(self.query, hints=self._hints, for_write=self._for_write)
        else:
            alias = self._db
            if self._node is not None:
                refuse_foreign_keys(self.query, alias=self._node)
        if self._for_write and self._raw_alias is None:
            refuse_write_beside_transaction(alias)
        return alias

    def on_node(self, alias: str) -> Self:
        """The same query on a node named by hand; raises UnknownNode, and CrossShardQuery for keys of another node."""
        queryset = self.all()
        queryset._db = queryset._node = require_node(alias)
        # Exists() and Subquery() keep the query alone: it has to remember its database to be checked inside another.
        queryset.query._db = alias  # type: ignore[attr-defined]
        return queryset

    def using(self, alias: str | None) -> Self:
        """Django's unchecked choice of a database, for `backup` and for Django itself."""
        queryset = super().using(alias)
        queryset._node = None
        queryset.query._db = alias  # type: ignore[attr-defined]
        return queryset

    def for_ids(self, ids: Iterable[int]) -> list[Row]:
        """Rows of these shard keys from all their nodes, in the order of the keys; one query a node and 500 keys."""
        wanted = list(dict.fromkeys(ids))
        if self._db is None:
            chunks = [(self.on_node(alias), held) for alias, held in ids_by_node(wanted).items()]
        else:
            chunks = [(self, wanted)]
        field = shard_field_of(self.model)
        rows: list[Row] = []
        for queryset, held in chunks:
            for start in range(0, len(held), IDS_A_QUERY):
                rows += queryset.filter(**{f"{field.attname}__in": held[start : start + IDS_A_QUERY]})
        if self._iterable_class is ModelIterable:
            places = {key: place for place, key in enumerate(wanted)}
            # A shard key that only() left out can't be sorted by; those rows come last, as they were read.
            rows.sort(key=lambda row: places.get(key_of_row(row) or 0, len(places)))
        return rows

    def create(self, **values: Any) -> Row:
        """Saves a new row on the node of its shard key; raises ShardKeyMissing when the key isn't given."""
        row = self.model(**values)
        queryset = self._for_rows([row])
        queryset._for_write = True
        row.save(force_insert=True, using=queryset.db)
        return row

    def bulk_create(self, objs: Iterable[Row], *args: Any, **options: Any) -> list[Row]:
        """Inserts rows of one node in few statements; raises CrossShardQuery when they belong to several."""
        rows = list(objs)
        return super(ShardedQuerySet, self._for_rows(rows)).bulk_create(rows, *args, **options) if rows else rows

    def bulk_update(self, objs: Iterable[Row], fields: Iterable[str], *args: Any, **options: Any) -> int:
        """Updates rows of one node; raises CrossShardQuery for several nodes or for a change of the shard key."""
        rows = list(objs)
        names = list(fields)
        self._refuse_new_key(names)
        return super(ShardedQuerySet, self._for_rows(rows)).bulk_update(rows, names, *args, **options) if rows else 0

    def update(self, **values: Any) -> int:
        """Changes the filtered rows of one node and returns their number; the shard key itself never changes."""
        self._refuse_new_key(values)
        return super().update(**values)

    def get_or_create(self, defaults: Mapping[str, Any] | None = None, **lookups: Any) -> tuple[Row, bool]:
        """As in Django; the look-ups must name the shard key."""
        return super(ShardedQuerySet, self._for_lookups(lookups)).get_or_create(defaults, **lookups)

    def update_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **lookups: Any,
    ) -> tuple[Row, bool]:
        """As in Django; the look-ups must name the shard key."""
        queryset = self._for_lookups(lookups)
        return super(ShardedQuerySet, queryset).update_or_create(defaults, create_defaults, **lookups)

    def in_bulk(self, id_list: Iterable[Any] | None = None, *, field_name: str = "pk") -> dict[Any, Row]:
        """As in Django, for ids of one node; for_ids() reads several."""
        if id_list is None:
            return super().in_bulk(field_name=field_name)
        ids = list(id_list)
        if not ids:
            return {}
        queryset = self._for_lookups({f"{field_name}__in": ids})
        return super(ShardedQuerySet, queryset).in_bulk(ids, field_name=field_name)

    @property
    def _raw_alias(self) -> str | None:
        """The alias given by using(), which nothing checks."""
        return self._db if self._node is None else None

    def _clone(self) -> Self:
        queryset: Self = super()._clone()  # type: ignore[misc]
        queryset._node = self._node
        return queryset

    def _for_rows(self, rows: Collection[Row]) -> Self:
        """This queryset on the node of the rows; one that on_node() chose must be theirs."""
        if self._raw_alias is not None or not rows:
            return self.all()
        alias = node_of_rows(rows, model=self.model)
        if self._node is not None and self._node != alias:
            raise CrossShardQuery(f"These {self.model.__name__} rows belong to {alias}, not to {self._node}.")
        return self.on_node(alias)

    def _for_lookups(self, lookups: Mapping[str, Any]) -> Self:
        """This queryset on the node that it has once filtered by the look-ups."""
        if self._raw_alias is not None:
            return self.all()
        alias = self.filter(**lookups).db
        return self.on_node(alias) if is_node(alias) else self.using(alias)

    def _refuse_new_key(self, names: Collection[str]) -> None:
        if not names_of_shard_field(self.model).isdisjoint(names):
            raise CrossShardQuery(
                f"{shard_field_of(self.model).attname} of a {self.model.__name__} names its node and never changes:"
                " insert a new row instead."
            )

    def _combinator_query(self, combinator: str, *other_qs: Any, **options: bool) -> Self:
        others = [other for other in other_qs if not other.query.is_empty()]
        aliases = {queryset.db for queryset in (self, *others)}
        if len(aliases) > 1:
            raise CrossShardQuery(f"{combinator}() of {' and '.join(sorted(aliases))}: read each and join the lists.")
        # The parts' own choice is lost once they are combined, so the whole is pinned to it here.
        return super()._combinator_query(combinator, *other_qs, **options).using(aliases.pop())  # type: ignore[misc]

    def _merge_sanity_check(self, other: "models.QuerySet[Any]") -> None:
        super()._merge_sanity_check(other)  # type: ignore[misc]
        chosen = getattr(other, "_db", None)
        if self._db != chosen and not isinstance(self, EmptyQuerySet) and not isinstance(other, EmptyQuerySet):
            raise CrossShardQuery(f"The two sides were given different databases: {self._db} and {chosen}.")


class ShardedManager(models.Manager.from_queryset(ShardedQuerySet)[Row]):  # type: ignore[misc]
    """`objects` of a sharded model; its querysets find their node by themselves."""
