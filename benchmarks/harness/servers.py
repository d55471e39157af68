"""Servers that only one benchmark uses: free ports, a temporary folder, gone when it ends, however it ends."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Literal

from pgs_data.private_servers.folder import PrivateFolder
from pgs_data.private_servers.mariadb import missing_packages, start_mariadb
from pgs_data.private_servers.running import RunningServer
from pgs_data.private_servers.valkey import Preference, start_valkey

FOLDER_PREFIX = "pgs-bench-"
NODE_COUNT = 3
# What a small production node would have; a test's 64 MB would measure the disk.
NODE_SIZES: Mapping[str, str] = {
    "innodb_buffer_pool_size": "512M",
    "innodb_log_file_size": "256M",
    "innodb_log_buffer_size": "32M",
}
Databases = Literal["mariadb", "sqlite", "none"]
# Of the shell or of somebody's own shop.
FOREIGN = ("DATABASE", "NODE_", "BACKUP_", "REDIS_", "PGS_", "DJANGO_", "SQLITE_", "SANDBOX_", "MEDIA_", "STATIC_")
FOREIGN_NAMES = (
    "SLOT_MAP",
    "LEDGER_PARTITIONS",
    "LEDGER_PARTITION_URLS",
    "LEDGER_PINS",
    "LEDGER_SPREAD",
    "LEDGER_REPLICAS_AWAITED",
    "SENTRY_DSN",
    "SHOP_BASE_URL",
)


@dataclass
class Servers:
    """What runs: `ledger` syncs every answered write to disk, `memory` holds cache and broker."""

    folder: Path
    ledger: RunningServer
    memory: RunningServer
    default: RunningServer | None = None
    nodes: list[RunningServer] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Variables with which a process of the project works on these servers, and on nothing else."""
        memory = self.memory.url.removesuffix("/0")
        addresses = {
            "PGS_ENV_FILE": os.devnull,
            "DJANGO_SETTINGS_MODULE": "config.settings.demo",
            "REDIS_LEDGER_URL": self.ledger.url,
            "REDIS_CACHE_URL": f"{memory}/1",
            "REDIS_BROKER_URL": f"{memory}/2",
            "SQLITE_FOLDER": str(self.folder / "databases"),
            "MEDIA_ROOT": str(self.folder / "media"),
            "STATIC_ROOT": str(self.folder / "static"),
            "LOG_LEVEL": "WARNING",
        }
        if self.default:
            addresses["DATABASE_URL"] = self.default.url
            addresses["BACKUP_DATABASE_URL"] = self.default.url.replace("pgs_default", "pgs_backup")
            addresses["NODE_DATABASE_URLS"] = ",".join(node.url for node in self.nodes)
        return addresses


@contextmanager
def private_servers(
    *, databases: Databases = "mariadb", redis: Preference = "path", node_sizes: Mapping[str, str] = NODE_SIZES
) -> Iterator[Servers]:
    """Starts them and ends them after the block, an error, Ctrl-C or TERM; after a SIGKILL the kernel ends them, and
    the next benchmark removes their folder. Raises `ServerStartFailed`. `redis="path"` is the machine's redis-server.
    """
    if databases == "mariadb" and (missing := missing_packages()):
        raise SystemExit(f"Not installed: {' '.join(missing)}. Run: apt-get install {' '.join(missing)}")
    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            # A shell starts background jobs with INT ignored; TERM would end us without `finally`.
            stack.callback(signal.signal, number, signal.signal(number, _interrupt))
        folder = PrivateFolder(FOLDER_PREFIX)
        stack.callback(folder.remove)
        servers = Servers(
            folder.path,
            ledger=_kept(stack, start_valkey(folder.path / "ledger", prefer=redis)),
            memory=_kept(stack, start_valkey(folder.path / "memory", prefer=redis, role_settings="broker")),
        )
        if databases == "mariadb":
            _start_databases(servers, stack, node_sizes)
        elif databases == "sqlite":
            (folder.path / "databases").mkdir()
        yield servers


def clean_environment() -> dict[str, str]:
    """This process's environment without the addresses of anybody's shop."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(FOREIGN) and name not in FOREIGN_NAMES
    }


def _start_databases(servers: Servers, stack: ExitStack, sizes: Mapping[str, str]) -> None:
    for number in range(NODE_COUNT):
        node = start_mariadb(servers.folder / f"n{number}", name=f"pgs_node{number}", server_id=number + 1, sizes=sizes)
        servers.nodes.append(_kept(stack, node))
    servers.default = _kept(
        stack,
        start_mariadb(
            servers.folder / "d", name="pgs_default", beside=["pgs_backup"], server_id=NODE_COUNT + 1, sizes=sizes
        ),
    )


def _kept(stack: ExitStack, server: RunningServer) -> RunningServer:
    # Nobody needs the data any more: no polite end, which for MariaDB takes seconds.
    stack.callback(server.kill)
    return server


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
