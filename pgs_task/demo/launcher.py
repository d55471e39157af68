"""Starts every process of a private shop, keeps them alive, ends them; `services.json` says what runs."""

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from pgs_data.private_servers.mariadb import start_mariadb
from pgs_data.private_servers.ports import LOOPBACK, is_listening
from pgs_data.private_servers.valkey import start_valkey
from pgs_task.demo.address_book import MARIADB_SERVERS, AddressBook, replace_text
from pgs_task.demo.processes import WatchedProcess, end_orphans, make_process

# (name, kind, argv): config/processes.py has the table; it is handed in, because this floor can't import config.
ProcessTable = Sequence[tuple[str, str, Sequence[str]]]


class ShopIsRunning(RuntimeError):
    """Another launcher works in this folder."""


class Launcher:
    """One private shop. `watch` has to be called often (it is what restarts the dead)."""

    def __init__(self, *, book: AddressBook, root: Path, table: ProcessTable) -> None:
        self.book = book
        self.root = root
        self.table = table
        self.processes: list[WatchedProcess] = []

    def start_servers(self) -> None:
        """Valkey and, when asked for, MariaDB; raises `ServerStartFailed`."""
        folder = self.book.folder
        valkey = start_valkey(folder / "valkey", port=self.book.valkey_port)
        self._keep(WatchedProcess("valkey", "redis", valkey.url, valkey))
        if self.book.nodes == "sqlite":
            (folder / "databases").mkdir(parents=True, exist_ok=True)
            return
        for number, name in enumerate(MARIADB_SERVERS, start=1):
            server = start_mariadb(
                folder / name,
                name=f"pgs_{name}",
                beside=["pgs_backup"] if name == "default" else [],
                port=self.book.mariadb_ports[name],
                server_id=number,
            )
            self._keep(WatchedProcess(name, "mariadb", server.url, server))

    def start_shop(self, on_start: Callable[[str], None] = lambda name: None) -> None:
        """Every process of the table, the web server last; raises `ServerStartFailed`."""
        for name, kind, argv in self.table:
            on_start(name)
            is_web = kind == "web"
            process = make_process(
                name=name,
                kind=kind,
                argv=[*argv, *(["--bind", f"{LOOPBACK}:{self.book.web_port}"] if is_web else [])],
                folder=self.book.folder,
                root=self.root,
                url=self.book.base_url if is_web else "",
                port=self.book.web_port,
                is_ready=is_listening if is_web else lambda port: True,
            )
            process.start()
            self._keep(process)

    def watch(self) -> list[str]:
        """Restarts what died and returns the names; repeatable, never raises for a process that won't start."""
        revived = [process.name for process in self.processes if process.revive()]
        if revived:
            self.write_services()
        return revived

    def watch_for(self, seconds: float) -> None:
        """Sleeps, watching."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.watch()
            time.sleep(0.1)

    def stop(self) -> None:
        """Ends all, the web server first and the databases last, then whatever still bears the shop's mark."""
        for process in reversed(self.processes):
            process.server.stop()
        self.processes.clear()
        end_orphans(self.book.folder)
        (self.book.folder / "services.json").unlink(missing_ok=True)
        (self.book.folder / "shop.env").unlink(missing_ok=True)

    def write_services(self) -> None:
        """`services.json`, replaced in one step so that no reader sees half of it."""
        content = {
            "base_url": self.book.base_url,
            "databases": self.book.database_urls,
            "redis": self.book.redis_urls,
            "services": [process.describe() for process in self.processes],
        }
        replace_text(self.book.folder / "services.json", json.dumps(content, indent=2))

    def _keep(self, process: WatchedProcess) -> None:
        process.started_at = time.monotonic()
        self.processes.append(process)
        self.write_services()


def claim_folder(folder: Path) -> IO[str]:
    """Makes this process the folder's only launcher for as long as the returned file is open.

    Raises `ShopIsRunning`. The kernel frees the lock when the process ends, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "launcher.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise ShopIsRunning(
            f"A shop is already running in {folder}; stop it, or give another folder with --data."
        ) from error
    return lock


def restart_with(environment: Mapping[str, str], arguments: Sequence[str]) -> None:
    """Replaces this process by itself with another environment: settings are read once, at the start."""
    os.environ.update(environment)
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  # nosec B606
