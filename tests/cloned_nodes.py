"""Test databases of the nodes: node0 is migrated, the others are copies of it.

All nodes and the backup have the same tables; migrating each of them would take the larger part of a short test run.
"""

import shutil
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

ORIGINAL = "node0"


def install() -> None:
    """Makes Django's set-up of test databases copy instead of migrate, for every node but the first and the backup."""
    for alias in (*settings.DATA_NODES, "backup"):
        if alias != ORIGINAL:
            connections[alias].creation.create_test_db = _CloneMaker(connections[alias])  # type: ignore[method-assign]


class _CloneMaker:
    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def __call__(
        self, verbosity: int = 1, autoclobber: bool = False, serialize: Any = None, keepdb: bool = False
    ) -> str:
        """Stands in for `create_test_db`, which setup_databases calls in the order of settings.DATABASES."""
        creation: Any = self.connection.creation
        name = creation._get_test_db_name()
        creation._create_test_db(verbosity, autoclobber, keepdb)
        self.connection.close()
        settings.DATABASES[self.connection.alias]["NAME"] = name
        self.connection.settings_dict["NAME"] = name
        if self.connection.vendor == "sqlite":
            _copy_file(connections[ORIGINAL], name)
        else:
            _copy_tables(connections[ORIGINAL], self.connection)
        self.connection.ensure_connection()
        return name


def _copy_file(original: BaseDatabaseWrapper, name: str) -> None:
    with original.cursor() as cursor:
        # What is still in the write-ahead log belongs to the file.
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    original.close()
    shutil.copyfile(original.settings_dict["NAME"], name)


def _copy_tables(original: BaseDatabaseWrapper, copy: BaseDatabaseWrapper) -> None:
    with original.cursor() as source, copy.cursor() as target, copy.constraint_checks_disabled():
        source.execute("SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()")
        if source.fetchone()[0]:
            raise NotImplementedError("A migration made a trigger: copy triggers here too, or migrate every node.")
        for table in original.introspection.table_names(source):
            quoted = original.ops.quote_name(table)
            source.execute(f"SHOW CREATE TABLE {quoted}")
            target.execute(source.fetchone()[1])
            source.execute(f"SELECT * FROM {quoted}")
            if rows := source.fetchall():
                places = ", ".join(["%s"] * len(rows[0]))
                target.executemany(f"INSERT INTO {quoted} VALUES ({places})", rows)
