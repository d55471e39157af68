"""Empties the databases after a transactional test at the cost of what the test wrote, not of the number of tables.

Django's own flush deletes from every table of every database and then makes content types and permissions anew:
about a second a test here. This one asks each database once which tables have rows and deletes only those; what
migrations had put there (the furniture) is compared and put back when a test changed it.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

Rows = list[tuple[Any, ...]]
# alias → table → rows that migrations made
_FURNITURE: dict[str, dict[str, Rows]] = {}
# alias → every table
_TABLES: dict[str, list[str]] = {}


def remember_furniture() -> None:
    """Notes the tables and what migrations put in them; call once after the test databases were made."""
    for alias in connections:
        connection = connections[alias]
        # The bookkeeping of migrations is none of a test's business.
        _TABLES[alias] = [name for name in connection.introspection.table_names() if name != "django_migrations"]
        _FURNITURE[alias] = {table: _rows(connection, table) for table in _filled_tables(connection, _TABLES[alias])}


def install() -> None:
    """Replaces the flush of Django's TransactionTestCase in this process."""
    TransactionTestCase._fixture_teardown = _fixture_teardown  # type: ignore[attr-defined]


def _fixture_teardown(test_case: TransactionTestCase) -> None:
    for alias in test_case._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
        if alias in _TABLES:
            restore(connections[alias])


def restore(connection: BaseDatabaseWrapper) -> None:
    """Brings one database back to what it was after its migrations."""
    furniture = _FURNITURE[connection.alias]
    filled = _filled_tables(connection, _TABLES[connection.alias])
    to_empty = [table for table in filled if table not in furniture]
    to_refill = [table for table, rows in furniture.items() if _rows(connection, table) != rows]
    if not to_empty and not to_refill:
        return
    with (
        connection.constraint_checks_disabled(),
        transaction.atomic(using=connection.alias),
        connection.cursor() as cursor,
    ):
        for table in (*to_empty, *to_refill):
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        for table in to_refill:
            _insert(cursor, connection.ops.quote_name(table), furniture[table])


def _filled_tables(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> list[str]:
    filled: list[str] = []
    # SQLite takes at most 500 parts of a compound SELECT.
    for start in range(0, len(tables), 400):
        parts = [
            f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})"
            for table in tables[start : start + 400]
        ]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts))
            filled += [row[0] for row in cursor.fetchall()]
    return filled


def _rows(connection: BaseDatabaseWrapper, table: str) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")
        return [tuple(row) for row in cursor.fetchall()]


def _insert(cursor: Any, quoted_table: str, rows: Rows) -> None:
    if rows:
        places = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f"INSERT INTO {quoted_table} VALUES ({places})", rows)
