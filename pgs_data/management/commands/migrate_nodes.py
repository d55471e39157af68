"""`manage.py migrate_nodes`: the tables of every database, in one go."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pgs_data.sharding.migration_run import databases_to_migrate, migrate_database, unapplied_migrations


class Command(BaseCommand):
    help = (
        "Creates and changes the tables of `default`, then of every data node, then of `backup`, each up to the newest"
        " migration. Safe to repeat and to run twice at once: one waits for the other. Stops at the first database"
        " that fails and names it; the ones before it stay migrated, the ones after it are untouched."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options of the command."""
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a migration is missing")
        parser.add_argument("--json", action="store_true", help="one JSON object a database on stdout, nothing else")
        parser.add_argument(
            "--wait", type=float, default=120, metavar="SECONDS", help="for another migrate_nodes (default: 120)"
        )

    def handle(self, *_args: str, **options: Any) -> None:
        """Raises CommandError naming the database that failed."""
        if options["check"]:
            self._check(as_json=options["json"])
        else:
            self._migrate(as_json=options["json"], wait_seconds=options["wait"])

    def _check(self, *, as_json: bool) -> None:
        behind = []
        for alias in databases_to_migrate():
            try:
                missing = unapplied_migrations(alias)
            except Exception as error:
                raise self._failure(alias, error, as_json=as_json, done=[]) from error
            behind += [alias] if missing else []
            self._tell(
                {"database": alias, "state": "behind" if missing else "up_to_date", "missing": missing},
                f"{alias}: " + (f"{len(missing)} missing: {', '.join(missing)}" if missing else "up to date"),
                as_json=as_json,
            )
        if behind:
            raise CommandError(f"Behind: {', '.join(behind)}. Run `manage.py migrate_nodes`.")

    def _migrate(self, *, as_json: bool, wait_seconds: float) -> None:
        done: list[str] = []
        columns = (
            SpinnerColumn(),
            TextColumn("{task.fields[database]:>8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
        with Progress(*columns, console=Console(stderr=True), disable=as_json, transient=True) as progress:
            for alias in databases_to_migrate():
                task = progress.add_task("connecting", database=alias, total=None)
                try:
                    progress.update(task, total=len(unapplied_migrations(alias)), description="")
                    run = migrate_database(
                        alias,
                        on_applied=_bar_mover(progress, task),
                        wait_seconds=wait_seconds,
                    )
                except Exception as error:
                    raise self._failure(alias, error, as_json=as_json, done=done) from error
                progress.update(task, visible=False)
                done.append(alias)
                state = "migrated" if run.applied else "up_to_date"
                self._tell(
                    {"database": alias, "state": state, "applied": run.applied, "seconds": round(run.seconds, 3)},
                    f"{alias}: {len(run.applied)} migrations applied in {run.seconds:.1f} s",
                    as_json=as_json,
                )

    def _tell(self, fact: dict[str, Any], sentence: str, *, as_json: bool) -> None:
        self.stdout.write(json.dumps(fact) if as_json else sentence)
        self.stdout.flush()

    def _failure(self, alias: str, error: Exception, *, as_json: bool, done: list[str]) -> CommandError:
        reason = f"{type(error).__name__}: {error}"
        if as_json:
            self._tell({"database": alias, "state": "failed", "error": reason}, "", as_json=True)
        ready = f" Up to date already: {', '.join(done)}." if done else ""
        return CommandError(f"{alias} failed: {reason}.{ready} Repair it and run migrate_nodes again.")


def _bar_mover(progress: Progress, task: TaskID) -> Callable[[str], None]:
    """Moves the database's bar by one migration and shows its name."""

    def move(name: str) -> None:
        progress.update(task, advance=1, description=name)

    return move
