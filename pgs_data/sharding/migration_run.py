"""Brings the tables of one database up to date and says what it did."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from pgs_data.sharding.migration_lock import migration_lock
from pgs_data.sharding.routers import BACKUP_DB_ALIAS
from pgs_data.sharding.slots import node_aliases


@dataclass(frozen=True, kw_only=True)
class MigrationRun:
    """What was done to one database: names of applied migrations, seconds it took."""

    database: str
    applied: list[str]
    seconds: float


def databases_to_migrate() -> list[str]:
    """`default`, every data node, then `backup` when there is one."""
    return [alias for alias in (DEFAULT_DB_ALIAS, *node_aliases(), BACKUP_DB_ALIAS) if alias in connections.settings]


def unapplied_migrations(alias: str) -> list[str]:
    """Names such as "order.0001_initial" that the database lacks; raises what the database raises."""
    executor = MigrationExecutor(_open(alias))
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def migrate_database(alias: str, *, on_applied: Callable[[str], None], wait_seconds: float) -> MigrationRun:
    """Applies what is missing; raises MigrationLocked, or what the database or a migration raises."""
    started = time.monotonic()
    command = _ReportingMigrate(on_applied)
    with migration_lock(_open(alias), wait_seconds=wait_seconds):
        # Also when nothing is missing: a run that died after its last migration left permissions unmade.
        call_command(command, database=alias, verbosity=0, interactive=False)
    return MigrationRun(database=alias, applied=command.applied, seconds=time.monotonic() - started)


class _ReportingMigrate(MigrateCommand):
    """Django's migrate, telling each migration that is through."""

    def __init__(self, on_applied: Callable[[str], None]) -> None:
        super().__init__()
        self.on_applied = on_applied
        self.applied: list[str] = []

    def migration_progress_callback(self, action: str, migration: Any = None, *_rest: Any) -> None:
        """Called by Django's executor around every migration."""
        if action == "apply_success" and migration is not None:
            name = f"{migration.app_label}.{migration.name}"
            self.applied.append(name)
            self.on_applied(name)


def _open(alias: str) -> BaseDatabaseWrapper:
    connection = connections[alias]
    if connection.vendor == "sqlite" and not connection.is_in_memory_db():  # type: ignore[attr-defined]
        Path(connection.settings_dict["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    connection.ensure_connection()
    return connection
