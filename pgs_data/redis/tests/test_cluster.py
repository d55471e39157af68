"""The same calls on a Redis Cluster of three nodes: scripts with derived keys, locks, a stream and its group."""

import threading
import time
from collections.abc import Iterator

import pytest

from pgs_data.locks import FencedLock, LockHeld
from pgs_data.lua.loader import Script
from pgs_data.messaging.backlog import stream_backlog
from pgs_data.messaging.streams import StreamConsumer
from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.connections import RedisUnavailable, blocking, ledger
from pgs_data.redis.partitions import partition_count, tag
from pgs_data.redis.tests.clusters import plain_client, running_cluster

pytestmark = pytest.mark.slow

COUNT_UP = Script(
    source="""\
-- count_up: Counts in a declared and in a derived key.
-- KEYS counter  declared
-- DERIVES copy:<what>  derived
-- REPLY sum  of both
return redis.call("INCR", counter) + redis.call("INCR", tag .. "copy:" .. "x")
""",
    name="count_up",
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunningServer]]:
    """Three primaries that share the slots."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


@pytest.fixture
def clustered(cluster: list[RunningServer], settings) -> list[RunningServer]:
    for server in cluster:
        plain_client(server.port).flushall()
        plain_client(server.port).script_flush()
    url = cluster[0].url.replace("redis://", "redis+cluster://")
    settings.REDIS_URLS = {**settings.REDIS_URLS, "ledger": url}
    return cluster


def test_every_partition_runs_its_script_whole(clustered: list[RunningServer]):
    for partition in range(partition_count()):
        keys = {"counter": f"{tag(partition)}counter"}
        assert COUNT_UP(ledger(partition), keys=keys) == 2
        assert COUNT_UP(ledger(partition), keys=keys) == 4
    # The partitions are really spread: each node has some of the keys.
    assert all(plain_client(server.port).dbsize() > 0 for server in clustered)


def test_lock_has_one_owner(clustered: list[RunningServer]):
    first = FencedLock("stock_sync", ttl_ms=5000).acquire()
    with pytest.raises(LockHeld):
        FencedLock("stock_sync", ttl_ms=5000).acquire()
    first.extend()
    assert first.release()
    assert FencedLock("stock_sync", ttl_ms=5000).acquire().fence == first.fence + 1


def test_stream_is_consumed_claimed_and_trimmed(clustered: list[RunningServer]):
    client = blocking("ledger", 5, block_ms=50)
    stream = "{p05}intake"
    seen: list[int] = []
    for number in range(10):
        client.xadd(stream, {"number": number})

    def consumer(name: str) -> StreamConsumer:
        return StreamConsumer(
            client,
            stream,
            "drain",
            name,
            lambda entries: seen.extend(int(entry.fields["number"]) for entry in entries),
            batch_size=4,
            block_ms=50,
            claim_idle_ms=1,
            set_aside=lambda entry, reason: pytest.fail(reason),
        )

    client.xgroup_create(stream, "drain", id="0")
    client.xreadgroup("drain", "dead", {stream: ">"}, count=3)
    alive = consumer("alive")
    thread = threading.Thread(target=alive.run)
    thread.start()
    deadline = time.monotonic() + 10
    while len(seen) < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    alive.stop()
    thread.join()
    assert sorted(seen) == list(range(10))
    backlog = stream_backlog(client, stream, "drain")
    assert (backlog.undelivered, backlog.pending) == (0, 0)
    assert alive.trim_behind() == 10
    assert alive.forget_idle_consumers(idle_ms=0) == 1


def test_stopped_node_is_an_error_of_its_partitions_only(clustered: list[RunningServer]):
    for partition in range(partition_count()):
        ledger(partition).set(f"{tag(partition)}key", "1")
    clustered[2].pause()
    answered, refused = 0, 0
    try:
        for partition in range(partition_count()):
            started_at = time.monotonic()
            try:
                ledger(partition).get(f"{tag(partition)}key")
                answered += 1
            except RedisUnavailable:
                refused += 1
            assert time.monotonic() - started_at < 5
    finally:
        clustered[2].resume()
    assert answered
    assert refused
