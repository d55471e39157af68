"""Redis on an event loop: pipelines, forgotten scripts, servers that hang, die, refuse and come back."""

import asyncio
import time

import pytest

from pgs_data.lua.loader import Script
from pgs_data.redis.async_connections import AsyncServer, CommandRefused
from pgs_data.redis.connections import RedisUnavailable, ledger

ADD = Script(
    source="""\
-- add_up: Adds to a counter.
-- KEYS counter  integer
-- ARGV number   what to add
-- REPLY sum  of all
return redis.call("INCRBY", counter, number)
""",
    name="add_up",
)


def add(number: int, *, key: str = "counter"):
    return ADD.command(keys={"counter": key}, args={"number": number})


@pytest.fixture
def run(redis_server):
    """Runs act(server) on a loop of its own, which a server's sockets must not outlive."""

    def run_one(act, *, url=redis_server.url, seconds=None):
        async def whole():
            server = AsyncServer(url, seconds=seconds)
            try:
                return await act(server)
            finally:
                server.close()

        return asyncio.run(whole())

    return run_one


def test_a_pipeline_keeps_its_order(run):
    async def act(server):
        return await asyncio.gather(
            *(server.call([("INCRBY", f"k{number}", place) for place in range(1, 4)]) for number in range(50))
        )

    assert run(act) == [[1, 3, 6]] * 50


def test_long_values_in_pieces(run):
    value = b"\r\n" * 1_000_000

    async def act(server):
        await server.ask("SET", "long", value)
        return await server.call([("GET", "long"), ("GET", "none"), ("STRLEN", "long")])

    assert run(act) == [value, None, 2_000_000]


def test_a_forgotten_script_is_sent_again(run):
    async def act(server):
        first = await server.call([add(1), add(2), ("SCRIPT", "FLUSH")])
        return first[:2], await server.call([add(4), ("GET", "counter"), add(8)])

    first, second = run(act)
    assert first == [1, 3]
    # What had been forgotten runs after the rest of its pipeline.
    assert (second[0], second[2]) == (7, 15)


def test_errors_are_values_beside_the_others_replies(run):
    ledger().set("text", "x")

    async def act(server):
        return await server.call([("INCR", "text"), ("INCR", "number"), add(1, key="text")])

    wrong, right, in_script = run(act)
    assert isinstance(wrong, CommandRefused)
    assert right == 1
    assert isinstance(in_script, CommandRefused)


@pytest.mark.parametrize("setting", [("maxmemory", "1"), ("min-replicas-to-write", "3")])
def test_a_server_that_takes_no_writes_is_unavailable(run, setting):
    name, value = setting
    before = ledger().config_get(name)[name]
    ledger().config_set(name, value)
    try:
        (refused,) = run(lambda server: server.call([add(1)]))
    finally:
        ledger().config_set(name, before)
    assert isinstance(refused, RedisUnavailable)
    assert ledger().get("counter") is None


def test_a_replica_is_unavailable(run):
    ledger().replicaof("127.0.0.1", "1")
    try:
        (refused,) = run(lambda server: server.call([add(1)]))
    finally:
        ledger().replicaof("NO", "ONE")
    assert isinstance(refused, RedisUnavailable)


def test_a_server_that_hangs_costs_its_time_and_leaves_no_late_answer(run, redis_server):
    async def act(server):
        await server.ask("SET", "a", "1")
        redis_server.pause()
        started = time.monotonic()
        with pytest.raises(RedisUnavailable):
            await server.ask("GET", "a")
        waited = time.monotonic() - started
        redis_server.resume()
        # Over another connection: the late answer to GET can't be taken for this one's.
        return waited, await server.ask("SET", "b", "2")

    waited, answer = run(act, seconds=0.3)
    assert 0.3 <= waited < 5
    assert answer == b"OK"


def test_a_connection_that_died_while_idle_is_replaced(run, redis_server):
    async def act(server):
        await server.call([add(1)])
        redis_server.kill()
        redis_server.restart()
        return await server.call([add(1)])

    assert run(act) == [2]


def test_nobody_listens(run):
    async def act(server):
        started = time.monotonic()
        with pytest.raises(RedisUnavailable):
            await server.ask("PING")
        return time.monotonic() - started

    assert run(act, url="redis://127.0.0.1:1/0") < 5


def test_sign_in_and_database_number(run, redis_server):
    url = redis_server.url.replace("redis://", "redis://:secret@").replace("/0", "/3")
    ledger().config_set("requirepass", "secret")
    try:
        assert run(lambda server: server.ask("CLIENT", "INFO"), url=url).decode().count(" db=3 ") == 1
        with pytest.raises(RedisUnavailable):
            run(lambda server: server.ask("PING"), url=url.replace("secret", "wrong"))
    finally:
        run(lambda server: server.ask("CONFIG", "SET", "requirepass", ""), url=url)


@pytest.mark.parametrize("database", [0, 3], ids=["call", "greeting"])
def test_a_call_whose_time_is_up_leaves_no_socket(database):
    """Also when it ended while the connection was being opened: a hanging server would get one more each call."""
    opened: set[asyncio.StreamWriter] = set()

    async def never_answer(reader, writer):
        opened.add(writer)
        await reader.read()
        opened.remove(writer)
        writer.close()

    async def act():
        listening = await asyncio.start_server(never_answer, "127.0.0.1", 0)
        host, port = listening.sockets[0].getsockname()
        server = AsyncServer(f"redis://{host}:{port}/{database}", seconds=0.05)
        for _ in range(3):
            with pytest.raises(RedisUnavailable):
                await server.ask("PING")
        async with asyncio.timeout(30):
            while opened:  # noqa: ASYNC110 - the sockets' own ends
                await asyncio.sleep(0.005)
        listening.close()

    asyncio.run(act())
