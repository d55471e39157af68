"""Every word with which a server says "not now" is an outage to both kinds of client, and nothing is half done."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pgs_data.lua.loader import Script, run_command
from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.async_connections import AsyncServer, CommandRefused
from pgs_data.redis.connections import PASSING_WORDS, RedisUnavailable, ledger
from pgs_data.redis.tests.clusters import wait_for

ADD_TWICE = Script(
    source="""\
-- add_twice: Adds to two counters.
-- KEYS first   integer
-- KEYS second  integer
-- REPLY sum  of both
return redis.call("INCR", first) + redis.call("INCR", second)
""",
    name="add_twice",
)
COMMAND = ADD_TWICE.command(keys={"first": "{t}first", "second": "{t}second"})


def ask_waiting(url: str) -> Any:
    """As the receiving service asks: the reply, or the error."""

    async def ask() -> Any:
        server = AsyncServer(url)
        try:
            (reply,) = await server.call([COMMAND])
        except RedisUnavailable as error:
            return error
        finally:
            server.close()
        return reply

    return asyncio.run(ask())


def ask_blocking(url: str) -> Any:
    """As everybody else asks."""
    client = redis.Redis.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=0.8)
    try:
        return run_command(client, COMMAND)
    except Exception as error:  # which one is what the tests look at
        return error
    finally:
        client.close()


@contextmanager
def set_to(**values: str) -> Iterator[None]:
    names = {name.replace("_", "-"): value for name, value in values.items()}
    before: dict[str, Any] = {name: ledger().config_get(name)[name] for name in names}
    for name, value in names.items():
        ledger().config_set(name, value)
    try:
        yield
    finally:
        for name, old in before.items():
            ledger().config_set(name, old)


@contextmanager
def failing_disk(server: RunningServer) -> Iterator[None]:
    """No snapshot can be written: a folder has its name."""
    snapshot = server.data_dir / "dump.rdb"
    snapshot.mkdir()
    try:
        with set_to(save="3600 1"):
            save_snapshot(ends="err")
            yield
    finally:
        snapshot.rmdir()
        save_snapshot(ends="ok")
        snapshot.unlink()


def save_snapshot(*, ends: str) -> None:
    ledger().bgsave()
    wait_for("the snapshot ends", lambda: ledger().info("persistence")["rdb_last_bgsave_status"] == ends)


@contextmanager
def replica_without_primary(*, serves: str) -> Iterator[None]:
    with set_to(replica_serve_stale_data=serves):
        ledger().replicaof("127.0.0.1", "1")
        try:
            yield
        finally:
            ledger().replicaof("NO", "ONE")


@contextmanager
def long_script() -> Iterator[None]:
    """The server is busy for 0.4 s and says so after a millisecond."""
    body = """
    local ends = redis.call("TIME")
    ends = ends[1] * 1000000 + ends[2] + 400000
    local now = 0
    while now < ends do now = redis.call("TIME"); now = now[1] * 1000000 + now[2] end
    """
    with set_to(lua_time_limit="1"):
        thread = threading.Thread(target=lambda: ledger().eval(body, 0))
        # Its own connection, and the server's attention before ours.
        thread.start()
        time.sleep(0.1)
        try:
            yield
        finally:
            thread.join()


FAULTS: dict[str, Callable[[RunningServer], Any]] = {
    "OOM": lambda _server: set_to(maxmemory="1"),
    "NOREPLICAS": lambda _server: set_to(min_replicas_to_write="3"),
    "READONLY": lambda _server: replica_without_primary(serves="yes"),
    "MASTERDOWN": lambda _server: replica_without_primary(serves="no"),
    "MISCONF": failing_disk,
    "BUSY": lambda _server: long_script(),
}


@pytest.mark.slow
@pytest.mark.parametrize("ask", [ask_waiting, ask_blocking])
@pytest.mark.parametrize("word", FAULTS)
def test_a_real_server_that_refuses(redis_server: RunningServer, word: str, ask: Callable[[str], Any]):
    assert ask(redis_server.url) == 2
    with FAULTS[word](redis_server):
        refused = ask(redis_server.url)
    assert isinstance(refused, RedisUnavailable), repr(refused)
    # By itself, and nothing of the refused one was done.
    assert ask(redis_server.url) == 4


@contextmanager
def server_that_says(text: str) -> Iterator[str]:
    """What a test can't bring a real server to say."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def serve() -> None:
            connection, _address = listener.accept()
            with connection:
                while connection.recv(65536):
                    connection.sendall(f"-{text}\r\n".encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        thread.join(5)


@pytest.mark.parametrize("ask", [ask_waiting, ask_blocking])
@pytest.mark.parametrize("text", [*sorted(PASSING_WORDS), "ERR max number of clients reached"])
def test_every_word_is_an_outage(text: str, ask: Callable[[str], Any]):
    with server_that_says(text if " " in text else f"{text} for a reason. script: f00, on @user_script:7.") as url:
        assert isinstance(ask(url), RedisUnavailable)


@pytest.mark.parametrize("text", ["ERR unknown command", "BUSYGROUP there is one", "WRONGTYPE no hash"])
def test_what_a_repetition_meets_again_is_none(text: str):
    with server_that_says(text) as url:
        assert isinstance(ask_waiting(url), CommandRefused)
    with server_that_says(text) as url:
        error = ask_blocking(url)
        assert isinstance(error, redis.ResponseError)
        assert not isinstance(error, RedisUnavailable)
