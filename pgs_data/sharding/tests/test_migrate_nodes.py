import fcntl
import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.utils import ConnectionHandler

from pgs_data.sharding.migration_lock import MigrationLocked, migration_lock

ALIASES = ["default", "node0", "node1", "node2", "backup"]


def run_command(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """migrate_nodes in a process of its own, on SQLite files in the folder."""
    own = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    own.pop("NODE_DATABASE_URLS", None)
    own |= {"SQLITE_FOLDER": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings.test", **environment}
    return subprocess.run(
        [sys.executable, "manage.py", "migrate_nodes", "--json", *arguments],
        cwd=settings.BASE_DIR,
        env=own,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def facts(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def tables_of(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.mark.slow
@pytest.mark.django_db(databases="__all__")
def test_migrated_databases_are_up_to_date_and_stay_so() -> None:
    for arguments in (["--check"], [], []):
        output = io.StringIO()
        call_command("migrate_nodes", "--json", *arguments, stdout=output)
        assert [(fact["database"], fact["state"]) for fact in facts(output.getvalue())] == [
            (alias, "up_to_date") for alias in ALIASES
        ]


@pytest.mark.slow
def test_empty_folder_gets_every_table_in_its_place_also_by_two_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    behind = run_command(folder, "--check")
    assert behind.returncode == 1
    assert {fact["state"] for fact in facts(behind.stdout)} == {"behind"}
    assert "Run `manage.py migrate_nodes`" in behind.stderr

    command = [sys.executable, "manage.py", "migrate_nodes", "--json"]
    own = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    own.pop("NODE_DATABASE_URLS", None)
    own |= {"SQLITE_FOLDER": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    runs = [
        subprocess.Popen(command, cwd=settings.BASE_DIR, env=own, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [facts(run.communicate(timeout=120)[0]) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    for place, alias in enumerate(ALIASES):
        both = [output[place] for output in outputs]
        assert {fact["database"] for fact in both} == {alias}
        # Each migration was applied by exactly one of the two.
        applied = [name for fact in both for name in fact["applied"]]
        assert len(applied) == len(set(applied)) > 0

    assert "outbox_message" in tables_of(folder / "node2.sqlite3")
    assert "outbox_message" in tables_of(folder / "backup.sqlite3")
    assert "auth_user" not in tables_of(folder / "node2.sqlite3")
    assert "auth_user" in tables_of(folder / "default.sqlite3")
    assert "outbox_message" not in tables_of(folder / "default.sqlite3")
    assert run_command(folder, "--check").returncode == 0


@pytest.mark.slow
def test_a_node_that_is_down_is_named_and_the_rest_left_alone(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed_port = taken.getsockname()[1]
        # Bound but not listening: whoever connects is refused.
        run = run_command(
            tmp_path,
            "--check",
            NODE_DATABASE_URLS=f"sqlite:///{tmp_path}/a,mysql://u:p@127.0.0.1:{closed_port}/x,sqlite:///{tmp_path}/c",
        )
    assert run.returncode == 1
    assert [fact["database"] for fact in facts(run.stdout)] == ["default", "node0", "node1"]
    assert facts(run.stdout)[-1]["state"] == "failed"
    assert "node1 failed: OperationalError" in run.stderr
    assert not (tmp_path / "c").exists()


@pytest.mark.django_db(databases="__all__")
def test_migrating_stops_at_the_failing_node_and_says_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def held_by_another(connection: object, *, wait_seconds: float) -> Iterator[None]:
        if connection is connections["node1"]:
            raise MigrationLocked("Another process is migrating node1.")
        yield

    monkeypatch.setattr("pgs_data.sharding.migration_run.migration_lock", held_by_another)
    output = io.StringIO()
    with pytest.raises(CommandError, match=r"node1 failed.*Up to date already: default, node0"):
        call_command("migrate_nodes", "--json", stdout=output)
    assert [fact["state"] for fact in facts(output.getvalue())] == ["up_to_date", "up_to_date", "failed"]


def test_sqlite_lock_is_held_by_one_and_freed_by_its_end(tmp_path: Path) -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "x.sqlite3")}
    connection = ConnectionHandler({"default": database})["default"]
    with (tmp_path / "x.sqlite3.migrating").open("w") as held_elsewhere:
        fcntl.flock(held_elsewhere, fcntl.LOCK_EX)
        with pytest.raises(MigrationLocked), migration_lock(connection, wait_seconds=0.1):
            pytest.fail("entered")
    with migration_lock(connection, wait_seconds=0):
        pass
    with migration_lock(connection, wait_seconds=0):
        pass


@pytest.mark.real
@pytest.mark.django_db(databases="__all__")
def test_server_lock_is_held_by_one_and_freed_by_its_end() -> None:
    other = connections.create_connection("node0")
    other.settings_dict = connections["node0"].settings_dict
    with closing(other):
        with (
            migration_lock(connections["node0"], wait_seconds=0),
            pytest.raises(MigrationLocked),
            migration_lock(other, wait_seconds=0.1),
        ):
            pytest.fail("entered")
        with migration_lock(other, wait_seconds=0):
            pass
