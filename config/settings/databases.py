"""`default` for what is small and shared, the data nodes for orders and groups, `backup` for extraction."""

from typing import Any

from config.env import ROOT, env

SQLITE_FOLDER = env("SQLITE_FOLDER", default=str(ROOT / "var" / "databases"))

# WAL lets readers go on while one process writes; IMMEDIATE takes the write lock at BEGIN, so that two
# transactions never deadlock while upgrading; FULL syncs at commit (NORMAL may lose the last commits on power loss).
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
MYSQL_OPTIONS: dict[str, Any] = {
    "charset": "utf8mb4",
    "isolation_level": "read committed",
    "init_command": "SET sql_mode='STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
    "connect_timeout": 2,
    # A node that was stopped, or whose network went, must not hold a thread for ever.
    "read_timeout": env.int("DATABASE_READ_SECONDS", default=30),
    "write_timeout": env.int("DATABASE_READ_SECONDS", default=30),
}


def database_from_url(url: str) -> dict[str, Any]:
    """Django's settings of one database: `sqlite:///file` or `mysql://user:password@host:port/name`."""
    database: dict[str, Any] = dict(env.db_url_config(url))
    is_sqlite = database["ENGINE"].endswith("sqlite3")
    database["OPTIONS"] = {**(SQLITE_OPTIONS if is_sqlite else MYSQL_OPTIONS), **database.get("OPTIONS", {})}
    database["CONN_MAX_AGE"] = env.int("DATABASE_CONNECTION_SECONDS", default=60)
    database["CONN_HEALTH_CHECKS"] = True
    if not is_sqlite:
        database["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_bin"}
    return database


def sqlite_url(name: str) -> str:
    return f"sqlite:///{SQLITE_FOLDER}/{name}.sqlite3"


NODE_URLS: list[str] = env.list("NODE_DATABASE_URLS", default=[sqlite_url(f"node{number}") for number in range(3)])
DATA_NODES: list[str] = [f"node{number}" for number in range(len(NODE_URLS))]

DATABASES: dict[str, dict[str, Any]] = {
    "default": database_from_url(env("DATABASE_URL", default=sqlite_url("default"))),
    **{alias: database_from_url(url) for alias, url in zip(DATA_NODES, NODE_URLS, strict=True)},
    "backup": database_from_url(env("BACKUP_DATABASE_URL", default=sqlite_url("backup"))),
}
DATABASE_ROUTERS = ["pgs_data.sharding.routers.ShardRouter"]

# "0-21:node0,22-42:node1,43-63:node2"; empty: equal ranges over the nodes.
SLOT_MAP: str = env("SLOT_MAP", default="")
