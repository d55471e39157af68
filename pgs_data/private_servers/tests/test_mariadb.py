import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from pgs_data.private_servers import mariadb
from pgs_data.private_servers.mariadb import DURABLE_SETTINGS, missing_packages, start_mariadb
from pgs_data.private_servers.running import RunningServer, ServerStartFailed
from pgs_data.private_servers.tests.test_running import wait_until_gone

OWNER = """
import sys, time
from pathlib import Path
from pgs_data.private_servers.mariadb import start_mariadb
print(start_mariadb(Path(sys.argv[1]), name="shop").pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # pytest's own folders have names too long for a socket.
    with tempfile.TemporaryDirectory(prefix="pgs-m-") as name:
        yield Path(name)


def ask(server: RunningServer, *statements: str) -> list[tuple[object, ...]]:
    driver = import_module("MySQLdb")
    connection = driver.connect(host="127.0.0.1", port=server.port, user="root", database="shop")
    try:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        connection.commit()
        return list(cursor.fetchall())
    finally:
        connection.close()


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mariadb, "find_server", lambda *names: None)
    assert missing_packages() == ["mariadb-server", "redis-server"]


def test_without_mariadb_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(mariadb, "find_server", lambda *names: None)
    with pytest.raises(ServerStartFailed, match="apt-get install mariadb-server"):
        start_mariadb(tmp_path, name="shop")


@pytest.mark.real
def test_durable_settings_are_really_on(folder: Path):
    server = start_mariadb(folder, name="shop")
    try:
        found = {str(name): str(value) for name, value in ask(server, "SHOW GLOBAL VARIABLES")}
        for name in ("innodb_flush_log_at_trx_commit", "sync_binlog", "binlog_format", "binlog_row_image"):
            assert found[name] == DURABLE_SETTINGS[name], name
        assert found["tx_isolation"] == "READ-COMMITTED"
        assert found["log_bin"] == found["gtid_strict_mode"] == "ON"
        assert found["binlog_row_metadata"] == "FULL"
        assert set(found["sql_mode"].split(",")) == set(DURABLE_SETTINGS["sql_mode"].split(","))
        assert found["time_zone"] == "+00:00"
        assert found["bind_address"] == "127.0.0.1"
        assert ask(server, "SELECT @@character_set_database, @@collation_database") == [("utf8mb4", "utf8mb4_bin")]
    finally:
        server.stop()
    assert not server.is_running()


@pytest.mark.real
def test_a_commit_survives_kill_and_restart(folder: Path):
    server = start_mariadb(folder, name="shop")
    try:
        ask(server, "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (7)")
        port = server.port
        server.restart()
        assert server.port == port
        assert ask(server, "SELECT id FROM t") == [(7,)]
    finally:
        server.stop()


@pytest.mark.real
def test_a_half_made_installation_is_made_anew(folder: Path):
    (folder / "data").mkdir()
    (folder / "data" / "ibdata1").write_bytes(b"half")
    server = start_mariadb(folder, name="shop")
    try:
        assert ask(server, "SELECT 1") == [(1,)]
    finally:
        server.stop()


@pytest.mark.real
def test_the_server_dies_with_a_killed_owner(folder: Path):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert wait_until_gone(pid, str(folder))
