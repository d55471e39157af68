"""The one place that opens Redis: a client a role, one pool a URL, errors within a second.

A URL is `redis://…`, `rediss://…`, `unix://…`, or `redis+cluster://…` for a Redis Cluster.
"""

from typing import Any, cast

import redis
from django.conf import settings
from redis._parsers.base import BaseParser
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import (
    ClusterDownError,
    ClusterError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    TryAgainError,
)
from redis.retry import Retry

# Words with which a server says that it can't take a command at this moment; nothing of the command was done.
PASSING_WORDS = frozenset(
    {"OOM", "READONLY", "MASTERDOWN", "LOADING", "CLUSTERDOWN", "MISCONF", "NOREPLICAS", "BUSY", "TRYAGAIN"}
)


class ServerRefuses(redis.ResponseError):
    """The server takes nothing now: its disk fails (MISCONF), it misses replicas (NOREPLICAS), a script runs (BUSY)."""


class KeptElsewhere(redis.ConnectionError):
    """What is looked for lives elsewhere than this process's settings say; others find it, it may be tried again."""


# redis-py knows the other words. What it doesn't know would be a bug to every caller, and end a drain's thread.
BaseParser.EXCEPTION_CLASSES |= dict.fromkeys(("MISCONF", "NOREPLICAS", "BUSY"), ServerRefuses)

# What a caller catches to say "try again in a moment". Loading, exhausted pools and refused connections are
# ConnectionErrors; a full ledger (noeviction) and a demoted primary refuse writes and recover by themselves too. A
# ClusterError: the command was sent on from node to node until the client gave up.
RedisUnavailable: tuple[type[Exception], ...] = (
    redis.ConnectionError,
    redis.TimeoutError,
    OutOfMemoryError,
    ReadOnlyError,
    ServerRefuses,
    ClusterDownError,
    ClusterError,
    MasterDownError,
    TryAgainError,
    RedisClusterException,
)


class LedgerCluster(RedisCluster):
    """A client of a cluster in which any node may die."""

    def _get_command_keys(self, *args: Any) -> Any:
        """Keys of commands that read streams: redis-py asks one node for them, and asks it for ever once it is dead."""
        if args[0] in {"XREADGROUP", "XREAD"}:
            names = list(args[args.index(b"STREAMS" if b"STREAMS" in args else "STREAMS") + 1 :])
            return names[: len(names) // 2]
        return super()._get_command_keys(*args)


# A pool isn't shared by URL alone: a blocking client's longer timeout must not leak into the others.
_clients: dict[tuple[str, float], redis.Redis] = {}

MAX_CONNECTIONS = 512


def ledger(partition: int | None = None) -> redis.Redis:
    """Client of the Redis that must not lose anything; None is for keys outside the partitions."""
    return _client(_ledger_url(partition), settings.REDIS_SOCKET_TIMEOUT_SECONDS)


def cache() -> redis.Redis:
    """Client of the Redis that may lose anything at any moment."""
    return _client(settings.REDIS_URLS["cache"], settings.REDIS_SOCKET_TIMEOUT_SECONDS)


def broker() -> redis.Redis:
    """Client of the Redis that carries celery's messages."""
    return _client(settings.REDIS_URLS["broker"], settings.REDIS_SOCKET_TIMEOUT_SECONDS)


def blocking(role: str, partition: int | None = None, *, block_ms: int = 1000) -> redis.Redis:
    """Client for commands that wait on the server up to block_ms; its socket waits the usual timeout longer."""
    url = _ledger_url(partition) if role == "ledger" else settings.REDIS_URLS[role]
    return _client(url, block_ms / 1000 + settings.REDIS_SOCKET_TIMEOUT_SECONDS)


def _ledger_url(partition: int | None) -> str:
    if partition is None:
        return settings.REDIS_URLS["ledger"]
    if not 0 <= partition < settings.LEDGER_PARTITIONS:
        raise ValueError(f"Ledger partition {partition} is outside 0..{settings.LEDGER_PARTITIONS - 1}.")
    return settings.LEDGER_PARTITION_URLS.get(partition, settings.REDIS_URLS["ledger"])


def _client(url: str, read_seconds: float) -> redis.Redis:
    client = _clients.get((url, read_seconds))
    if client is None:
        # Two threads may both open one; setdefault keeps the first. Pools notice a fork by pid and start afresh.
        client = _clients.setdefault((url, read_seconds), _open(url, read_seconds))
    return client


def _open(url: str, read_seconds: float) -> redis.Redis:
    options: dict[str, Any] = {
        # RESP2 has one shape of reply on Redis 7 and Valkey 9, for XREADGROUP above all.
        "protocol": 2,
        "decode_responses": False,
        # redis-py's default of several retries would turn a stopped server into many seconds of silence, and would
        # run a non-idempotent command twice. A pooled connection that died while idle is found at check-out.
        "retry": Retry(NoBackoff(), retries=0),
        "socket_timeout": read_seconds,
        # A lost SYN is repeated after 1 s: waiting longer than a fraction of that gains nothing.
        "socket_connect_timeout": settings.REDIS_SOCKET_TIMEOUT_SECONDS / 4,
        "socket_keepalive": True,
        "max_connections": MAX_CONNECTIONS,
        "driver_info": None,
    }
    if "+cluster://" in url:
        # It answers the same commands for keys of one hash tag. After an error the next command asks for the map again,
        # possibly the same stopped node: two waits must still end within the second.
        options["socket_timeout"] = read_seconds - settings.REDIS_SOCKET_TIMEOUT_SECONDS / 2
        return cast(redis.Redis, LedgerCluster.from_url(url.replace("+cluster://", "://"), **options))
    return redis.Redis.from_url(url, **options)
