"""A Redis that is stopped, dead or back again, as callers of the connections meet it."""

import os
import time

import pytest

from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.clock import ledger_now_ms
from pgs_data.redis.connections import RedisUnavailable, blocking, broker, cache, ledger


def seconds_until_error(command) -> float:
    started_at = time.monotonic()
    with pytest.raises(RedisUnavailable):
        command()
    return time.monotonic() - started_at


@pytest.mark.slow
def test_stopped_redis_is_an_error_within_a_second_and_recovers(redis_server: RunningServer):
    ledger().set("known", "1")
    redis_server.pause()
    try:
        # The first command meets a pooled connection, the second has to open one: the kernel accepts it.
        assert seconds_until_error(lambda: ledger().get("known")) < 5
        assert seconds_until_error(lambda: ledger().get("known")) < 5
        assert seconds_until_error(lambda: ledger().set("unknown", "1")) < 5
    finally:
        redis_server.resume()
    assert ledger().get("known") == b"1"


def test_dead_redis_is_an_error_at_once_and_its_first_command_after_a_restart_works(redis_server: RunningServer):
    ledger().set("known", "1")
    redis_server.kill()
    assert seconds_until_error(lambda: ledger().get("known")) < 5
    redis_server.start()
    assert ledger().get("known") == b"1"


def test_idle_connection_that_died_is_replaced_without_an_error(redis_server: RunningServer):
    ledger().set("known", "1")
    redis_server.restart()
    assert ledger().get("known") == b"1"


@pytest.mark.slow
def test_command_whose_answer_was_lost_is_not_sent_again(redis_server: RunningServer):
    ledger().ping()
    redis_server.pause()
    try:
        seconds_until_error(lambda: ledger().incr("counter"))
    finally:
        redis_server.resume()
    # The stopped server had it in its buffer and runs it now, once: a hidden retry would count again.
    deadline = time.monotonic() + 30
    while ledger().get("counter") is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert ledger().get("counter") == b"1"


def test_full_ledger_refuses_writes_as_unavailable(redis_server: RunningServer):
    client = ledger()
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(RedisUnavailable):
            client.set("more", "x")
    finally:
        client.config_set("maxmemory", "0")


def test_forked_process_uses_connections_of_its_own(redis_server: RunningServer):
    ours = ledger().client_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(ledger().client_id()).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    theirs = int(os.read(reader, 100))
    os.close(reader)
    os.close(writer)
    assert theirs != ours
    assert ledger().client_id() == ours


@pytest.mark.slow
def test_one_pool_a_url_and_a_patient_one_for_consumers(redis_server: RunningServer):
    assert ledger() is ledger(3)
    assert len({id(client.connection_pool) for client in (ledger(), cache(), broker())}) == 3
    patient = blocking("ledger", 3, block_ms=1500)
    assert patient is not ledger()
    started_at = time.monotonic()
    # Longer than the others' timeout: they would have given up.
    assert patient.blpop("{p03}nothing", timeout=1) is None
    assert time.monotonic() - started_at > 0.9


def test_partition_with_a_redis_of_its_own(redis_server: RunningServer, settings):
    settings.LEDGER_PARTITION_URLS = {3: redis_server.url.removesuffix("/0") + "/5"}
    ledger(3).set("{p03}key", "there")
    assert ledger(4).get("{p03}key") is None
    assert blocking("ledger", 3).get("{p03}key") == b"there"


@pytest.mark.parametrize("partition", [-1, 16])
def test_partition_that_does_not_exist(partition: int):
    with pytest.raises(ValueError, match=r"outside 0\.\.15"):
        ledger(partition)


def test_ledger_clock_is_the_servers(redis_server: RunningServer):
    assert abs(ledger_now_ms() - time.time() * 1000) < 5000
