"""Where a private shop listens and keeps its data: chosen once, kept in its folder, used again by the next run."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pgs_data.private_servers.ports import LOOPBACK, free_port, is_listening

NodeKind = Literal["sqlite", "mariadb"]
NODE_COUNT = 3
# Five databases on four servers: `backup` is beside `default`.
MARIADB_SERVERS = ("default", "node0", "node1", "node2")


@dataclass(frozen=True)
class AddressBook:
    """Ports of one private shop; everything else follows from its folder."""

    folder: Path
    nodes: NodeKind
    web_port: int
    valkey_port: int
    mariadb_ports: dict[str, int]

    @property
    def base_url(self) -> str:
        return f"http://{LOOPBACK}:{self.web_port}"

    @property
    def redis_urls(self) -> dict[str, str]:
        """Role → url; one process in the demo, a database number a role."""
        roles = ("ledger", "cache", "broker")
        return {role: f"redis://{LOOPBACK}:{self.valkey_port}/{number}" for number, role in enumerate(roles)}

    @property
    def database_urls(self) -> dict[str, str]:
        """Alias → url of `default`, the data nodes and `backup`."""
        aliases = ["default", *(f"node{number}" for number in range(NODE_COUNT)), "backup"]
        if self.nodes == "sqlite":
            return {alias: f"sqlite:///{self.folder / 'databases' / alias}.sqlite3" for alias in aliases}
        return {
            alias: f"mysql://root@{LOOPBACK}:{self.mariadb_ports.get(alias, self.mariadb_ports['default'])}/pgs_{alias}"
            for alias in aliases
        }

    def environment(self) -> dict[str, str]:
        """The environment variables with which any command of the project works on this shop."""
        databases = self.database_urls
        nodes = [databases[f"node{number}"] for number in range(NODE_COUNT)]
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings.demo",
            "DATABASE_URL": databases["default"],
            "NODE_DATABASE_URLS": ",".join(nodes),
            "BACKUP_DATABASE_URL": databases["backup"],
            "REDIS_LEDGER_URL": self.redis_urls["ledger"],
            "REDIS_CACHE_URL": self.redis_urls["cache"],
            "REDIS_BROKER_URL": self.redis_urls["broker"],
            "SHOP_BASE_URL": self.base_url,
            "SANDBOX_NOTICE_BASE_URL": self.base_url,
            "MEDIA_ROOT": str(self.folder / "media"),
            "STATIC_ROOT": str(self.folder / "static"),
        }

    def write_environment_file(self) -> None:
        """`shop.env`: `config/env.py` reads it, so that commands in another terminal work on this shop."""
        lines = (f"{name}={value}" for name, value in self.environment().items() if name != "DJANGO_SETTINGS_MODULE")
        replace_text(self.folder / "shop.env", "\n".join(lines) + "\n")


def read_address_book(folder: Path) -> AddressBook:
    """The book as `open_address_book` left it."""
    return AddressBook(**{**json.loads((folder / "addresses.json").read_text()), "folder": folder})


def open_address_book(folder: Path, *, nodes: NodeKind, port: int | None) -> AddressBook:
    """The folder's book; ports that somebody else has taken meanwhile are replaced by free ones."""
    path = folder / "addresses.json"
    known = _read_known(path)
    taken: set[int] = set()

    def choose(wanted: int | None) -> int:
        chosen = wanted if wanted and wanted not in taken and not is_listening(wanted) else free_port()
        taken.add(chosen)
        return chosen

    book = AddressBook(
        folder=folder,
        nodes=nodes,
        web_port=choose(port or known.get("web_port")),
        valkey_port=choose(known.get("valkey_port")),
        mariadb_ports={name: choose(known.get("mariadb_ports", {}).get(name)) for name in MARIADB_SERVERS},
    )
    replace_text(path, json.dumps({**asdict(book), "folder": folder.name}, indent=2))
    return book


def replace_text(path: Path, text: str) -> None:
    """Writes a file in one step: a reader, and the next run after a kill, sees the old text or the new, never half."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)


def _read_known(path: Path) -> dict[str, Any]:
    """What the last run wrote; nothing when there was none, or when the file is damaged: its ports are only a wish."""
    try:
        known = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
