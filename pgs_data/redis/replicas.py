"""Writes that outlive their server: an answer waits until replicas have them, where the ledger has replicas.

A primary answers before its replicas have heard anything, and one of them may be promoted in the next moment: what was
answered would be gone. WAIT asks how many have everything that this connection wrote before; the mark written in front
of it makes that all which the server holds, also when the commands themselves only repeated what was there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from django.conf import settings
from redis.cluster import RedisCluster
from redis.exceptions import MovedError

from pgs_data.lua.loader import Command
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import tag

# An order waits twice, for its claim and for its admission, both within INTAKE_ANSWER_SECONDS.
WAIT_MS = 350


def mark_key(partition: int) -> str:
    """A text that says nothing: writing it moves the offset that replicas are asked for."""
    return f"{tag(partition)}:replicated"


def barrier_of(mark: str) -> list[Command]:
    """What goes behind commands to the server that has this mark; the last reply is the number of replicas.

    Empty where no replicas are awaited.
    """
    awaited = settings.LEDGER_REPLICAS_AWAITED
    return [("SET", mark, "1"), ("WAIT", awaited, WAIT_MS)] if awaited else []


class Barrier:
    """Made before something is done with a client; `wait` after it. Costs nothing where no replicas are awaited."""

    def __init__(self, client: redis.Redis, *, mark: str) -> None:
        """`mark`: its tag is the one of the keys that matter."""
        self._commands = barrier_of(mark)
        # Of the server that has them now: if another one had them by the end, what was done might be on neither.
        self._server = _server_of(client, mark) if self._commands else client

    def wait(self) -> None:
        """Returns once the awaited replicas have what was read or written since.

        Raises RedisUnavailable: then it may be lost or not, and what was done has to be repeatable.
        """
        if not self._commands:
            return
        pipeline = self._server.pipeline(transaction=False)
        for command in self._commands:
            pipeline.execute_command(*command)
        try:
            _marked, replicas = pipeline.execute()
        except MovedError as error:
            raise redis.ConnectionError("The partition has another server than a moment ago.") from error
        if replicas < settings.LEDGER_REPLICAS_AWAITED:
            raise redis.TimeoutError(f"Only {replicas} replicas have what was written.")


@contextmanager
def replicated(partition: int) -> Iterator[redis.Redis]:
    """The ledger's client; after the block its writes to this partition are on the awaited replicas.

    Raises RedisUnavailable as Barrier.wait does.
    """
    client = ledger(partition)
    barrier = Barrier(client, mark=mark_key(partition))
    yield client
    barrier.wait()


def _server_of(client: redis.Redis, mark: str) -> redis.Redis:
    cluster: Any = client
    if not isinstance(cluster, RedisCluster):
        return client
    server: redis.Redis = cluster.get_redis_connection(cluster.get_node_from_key(mark))
    return server
