"""A migration may run while processes of the last version still write rows: a new column needs nothing from them."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import models
from django.db.migrations import AddField
from django.db.migrations.loader import MigrationLoader

ADDED_LATER = [
    (name, migration)
    for name, migration in sorted(MigrationLoader(None).disk_migrations.items())
    if migration.__module__.startswith("pgs_") and not migration.initial
]


def added_fields(operations: Sequence[Any]) -> Iterator[AddField]:
    for operation in operations:
        if isinstance(operation, AddField):
            yield operation
        yield from added_fields(getattr(operation, "database_operations", ()))


def needs_a_value(field: Any) -> bool:
    return not field.null and not field.has_db_default() and not field.many_to_many


@pytest.mark.parametrize(("name", "migration"), ADDED_LATER, ids=[".".join(name) for name, _ in ADDED_LATER])
def test_a_new_column_may_be_null_or_has_a_default_in_the_database(name, migration):
    assert [
        f"{one.model_name}.{one.name}" for one in added_fields(migration.operations) if needs_a_value(one.field)
    ] == []


def test_a_column_that_needs_a_value_is_seen():
    """The negative control; Django's own default is not the database's."""
    needy = AddField("order", "colour", models.CharField(max_length=8, default="red"))
    given = AddField("order", "colour", models.CharField(max_length=8, db_default="red"))
    assert [needs_a_value(one.field) for one in added_fields([needy, given])] == [True, False]
