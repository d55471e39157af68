"""What is answered is on replicas, where the ledger has some: a pair of servers, the second paused."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from pgs_data.lua.loader import Command
from pgs_data.messaging.streams import StreamConsumer
from pgs_data.private_servers.running import RunningServer
from pgs_data.private_servers.valkey import start_valkey
from pgs_data.redis.async_connections import AsyncServer
from pgs_data.redis.connections import blocking, ledger
from pgs_data.redis.replicas import mark_key, replicated
from pgs_data.redis.tests.clusters import count_replicas, plain_client, wait_for

pytestmark = pytest.mark.slow

STREAM, GROUP = "{p03}stream", "group"


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = start_valkey(tmp_path_factory.mktemp("replica"))
    yield server
    server.kill()


@pytest.fixture
def followed(redis_server: RunningServer, replica: RunningServer, settings) -> Iterator[RunningServer]:
    """The ledger has one replica, which is awaited."""
    ledger().config_set("repl-diskless-sync-delay", "0")
    plain_client(replica.port).replicaof("127.0.0.1", str(redis_server.port))
    wait_for("it follows", lambda: count_replicas(redis_server.port) == 1)
    # After its first copy it is busy for a moment.
    wait_for("it answers", lambda: ledger().set("{p03}first", "1") and ledger().wait(1, 300))
    settings.LEDGER_REPLICAS_AWAITED = 1
    yield replica
    replica.resume()
    plain_client(replica.port).replicaof("NO", "ONE")


@contextlib.contextmanager
def deaf(replica: RunningServer) -> Iterator[None]:
    replica.pause()
    try:
        yield
    finally:
        replica.resume()


def call_for_good(url: str, commands: list[Command]) -> list[Any]:
    async def call() -> list[Any]:
        server = AsyncServer(url)
        try:
            return await server.call_for_good(commands, partition=3)
        finally:
            server.close()

    return asyncio.run(call())


def test_an_answer_waits_for_the_replica(redis_server: RunningServer, followed: RunningServer):
    add: list[Command] = [("INCR", "{p03}counter")]
    assert call_for_good(redis_server.url, add) == [1]
    assert plain_client(followed.port).get("{p03}counter") == b"1"
    with deaf(followed), pytest.raises(redis.TimeoutError):
        call_for_good(redis_server.url, add)
    wait_for("it is heard", lambda: call_for_good(redis_server.url, add))


def test_a_repetition_that_writes_nothing_waits_too(redis_server: RunningServer, followed: RunningServer):
    """The first call's answer was lost, its write isn't on the replica, and the second call only finds it."""
    claim: list[Command] = [("SETNX", "{p03}claim", "mine")]
    with deaf(followed):
        assert ledger(3).setnx("{p03}claim", "mine")
        # Negative control: WAIT alone asks for what this connection wrote, and it has written nothing. Redis 7 asks for
        # all that the server has.
        if "valkey_version" in ledger().info("server"):
            assert call_for_good_without_mark(redis_server.url, claim) == [0, 1]
        with pytest.raises(redis.TimeoutError):
            call_for_good(redis_server.url, claim)


def call_for_good_without_mark(url: str, commands: list[Command]) -> list[Any]:
    async def call() -> list[Any]:
        server = AsyncServer(url)
        try:
            return await server.call(commands, barrier=[("WAIT", 1, 100)])
        finally:
            server.close()

    return asyncio.run(call())


def test_without_the_setting_nobody_waits(redis_server: RunningServer, followed: RunningServer, settings):
    settings.LEDGER_REPLICAS_AWAITED = 0
    with deaf(followed):
        assert call_for_good(redis_server.url, [("INCR", "{p03}counter")]) == [1]
        with replicated(3) as client:
            client.set("{p03}key", "1")
    assert not ledger().exists(mark_key(3))


def test_a_block_of_blocking_calls_waits_at_its_end(followed: RunningServer):
    with replicated(3) as client:
        client.set("{p03}key", "1")
    assert plain_client(followed.port).get("{p03}key") == b"1"
    with deaf(followed), pytest.raises(redis.TimeoutError), replicated(3) as client:
        client.set("{p03}key", "2")


@pytest.mark.django_db  # a consumer looks after its thread's database connections
def test_entries_are_handled_once_the_replica_has_them(followed: RunningServer):
    handled: list[str] = []
    consumer = StreamConsumer(
        blocking("ledger", 3, block_ms=50),
        STREAM,
        GROUP,
        "reader",
        lambda entries: handled.extend(entry.id for entry in entries),
        batch_size=10,
        block_ms=50,
        claim_idle_ms=1000,
        set_aside=lambda entry, reason: pytest.fail(reason),
        mark=mark_key(3),
    )
    ledger(3).xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    with deaf(followed):
        ledger(3).xadd(STREAM, {"field": "value"})
        for _ in range(2):
            with contextlib.suppress(redis.TimeoutError):
                consumer.run_once()
        assert handled == []
    again = StreamConsumer(
        consumer.client, STREAM, GROUP, "reader", consumer.handler, batch_size=10, block_ms=50, claim_idle_ms=1000,
        set_aside=consumer.set_aside, mark=consumer.mark,
    )  # fmt: skip
    wait_for("it is handled", lambda: again.run_once() and len(handled) == 1)
