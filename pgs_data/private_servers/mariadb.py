"""A private MariaDB server with the durable settings of a data node, on the loopback interface."""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pgs_data.private_servers.ports import LOOPBACK, free_port
from pgs_data.private_servers.running import RunningServer, ServerStartFailed, find_server

# An answered commit is on disk, in the engine's log and in the binary log; the binary log carries whole rows with
# column names, for the feed into the backup. docker/config/mariadb.cnf has the same; a test compares them.
DURABLE_SETTINGS: dict[str, str] = {
    "innodb_flush_log_at_trx_commit": "1",
    "sync_binlog": "1",
    "log_bin": "binlog",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "binlog_row_metadata": "FULL",
    "gtid_strict_mode": "1",
    "transaction_isolation": "READ-COMMITTED",
    "sql_mode": "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO",
    "default_time_zone": "+00:00",
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_bin",
}
# Small, because several run beside each other on one machine: about 100 MB of memory each.
PRIVATE_SETTINGS: dict[str, str] = {
    "innodb_buffer_pool_size": "64M",
    "innodb_log_file_size": "32M",
    "max_connections": "300",
    "expire_logs_days": "1",
    "performance_schema": "OFF",
    "skip_name_resolve": "1",
    "symbolic_links": "0",
}
PORT_TRIES = 5


def start_mariadb(
    data_dir: Path,
    *,
    name: str,
    beside: Sequence[str] = (),
    port: int | None = None,
    server_id: int = 1,
    sizes: Mapping[str, str] | None = None,
) -> RunningServer:
    """Starts a server with an empty database `name` (made when missing); raises `ServerStartFailed`.

    `beside` names more databases for the same server; `sizes` replaces values of PRIVATE_SETTINGS. Its url signs in as
    root without a password, on the loopback interface only. A socket's path is limited to about 100 characters, so
    `data_dir` has to be short. The caller's process owns the server.
    """
    program = find_server("mariadbd", "mysqld")
    installer = find_server("mariadb-install-db", "mysql_install_db")
    if program is None or installer is None:
        raise ServerStartFailed(f"MariaDB isn't installed: apt-get install {' '.join(missing_packages())}")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = data_dir.resolve()
    # Not /tmp: a server that starts there deletes the temporary tables of those that run.
    (folder / "tmp").mkdir(exist_ok=True)
    _install_once(installer, folder)
    (folder / "init.sql").write_text(
        "".join(
            f"CREATE DATABASE IF NOT EXISTS `{one}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\n"
            for one in (name, *beside)
        )
    )
    config_path = folder / "my.cnf"
    for tries_left in range(PORT_TRIES if port is None else 1, 0, -1):
        chosen_port = port or free_port()
        config_path.write_text(_config_text(chosen_port, folder, server_id, sizes or {}))
        server = RunningServer(
            name="mariadb",
            # Only this file: the system's configuration may load plug-ins that we don't want.
            argv=[program, f"--defaults-file={config_path}"],
            port=chosen_port,
            url=f"mysql://root@{LOOPBACK}:{chosen_port}/{name}",
            data_dir=folder,
            mark=f"--defaults-file={config_path}",
            is_ready=_greets,
            start_seconds=60,
            binds_port=True,
        )
        try:
            server.start()
        except ServerStartFailed:
            if tries_left == 1:
                raise
            continue
        return server
    raise AssertionError("unreachable: the last try returns or raises")


def missing_packages() -> list[str]:
    """Debian packages that the real data nodes need and this machine lacks; empty when all is there."""
    needed = {
        "mariadb-server": find_server("mariadbd") and find_server("mariadb-install-db"),
        "redis-server": find_server("redis-server", "valkey-server"),
    }
    return [package for package, found in needed.items() if not found]


def _install_once(installer: str, folder: Path) -> None:
    data = folder / "data"
    # The installer was killed half-way: without the mark the folder is made anew by the next start, in a new place,
    # because the system tables of a half-made one can't be trusted.
    mark = folder / "installed"
    if mark.exists():
        return
    if data.exists():
        data.rename(folder / f"half-installed-{os.getpid()}-{free_port()}")
    command = [
        installer,
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        f"--datadir={data}",
        f"--tmpdir={folder / 'tmp'}",
        f"--innodb-log-file-size={PRIVATE_SETTINGS['innodb_log_file_size']}",
        *(["--user=root"] if os.geteuid() == 0 else []),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # nosec B603
    if answer.returncode != 0:
        raise ServerStartFailed(f"{installer} failed: {(answer.stdout + answer.stderr)[-2000:]}")
    mark.touch()


def _config_text(port: int, folder: Path, server_id: int, sizes: Mapping[str, str]) -> str:
    lines = {
        "datadir": str(folder / "data"),
        "tmpdir": str(folder / "tmp"),
        "socket": str(folder / "s"),
        "pid_file": str(folder / "data" / "mariadbd.pid"),
        "bind_address": LOOPBACK,
        "port": str(port),
        "server_id": str(server_id),
        "init_file": str(folder / "init.sql"),
        **PRIVATE_SETTINGS,
        **sizes,
        # Last: whatever somebody asks for, an answered commit is on disk.
        **DURABLE_SETTINGS,
        **({"user": "root"} if os.geteuid() == 0 else {}),
    }
    return "[mariadbd]\n" + "".join(f"{name}={value}\n" for name, value in lines.items())


def _greets(port: int) -> bool:
    """Whether the server sends its greeting, which it does only after recovery and the init file."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as client:
            greeting = client.recv(5)
    except OSError:
        return False
    # 4 bytes of header, then protocol version 10; an error packet has 255 there.
    return len(greeting) == 5 and greeting[4] == 10
