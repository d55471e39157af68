"""A consumer on a real stream: deaths, outages, poison, trimming."""

import signal
import subprocess
import sys
import threading
import time

import pytest
import redis
from django.db import OperationalError

from pgs_data.messaging.backlog import stream_backlog
from pgs_data.messaging.errors import RetryLater
from pgs_data.messaging.streams import Entry, unique_consumer_name
from pgs_data.messaging.tests.recording import (
    BLOCK_MS,
    GROUP,
    STREAM,
    Recorder,
    add,
    consumer,
    pending,
    running,
    wait_for,
)
from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.connections import blocking, ledger


@pytest.fixture
def client(redis_server: RunningServer) -> redis.Redis:
    return blocking("ledger", 0, block_ms=BLOCK_MS)


def test_every_entry_once_in_order_also_from_before_the_group(client):
    add(client, 25)
    recorder = Recorder()
    with running(consumer(client, recorder)):
        wait_for(lambda: len(recorder.numbers) == 25)
        add(client, 5, first=25)
        wait_for(lambda: len(recorder.numbers) == 30)
    assert recorder.numbers == list(range(30))
    assert pending(client) == 0


@pytest.mark.slow
def test_killed_consumers_entries_are_claimed(client):
    add(client, 5)
    process = subprocess.Popen([sys.executable, "-m", "pgs_data.messaging.tests.consumer_that_hangs", STREAM, GROUP])
    try:
        wait_for(lambda: ledger().exists("{p00}hanging") == 1, seconds=30)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert ledger().lrange("{p00}handled", 0, -1) == [b"0", b"1"]
    assert pending(client) == 5
    recorder = Recorder()
    with running(consumer(client, recorder, claim_idle_ms=300)):
        wait_for(lambda: pending(client) == 0)
    # At least once: the two that were handled and not acknowledged come again.
    assert recorder.numbers == [0, 1, 2, 3, 4]
    # The dead one's name goes when it has nothing pending any more.
    assert consumer(client, recorder).forget_idle_consumers(idle_ms=0) == 1


def test_living_consumers_entries_are_left_alone(client):
    add(client, 5)
    client.xgroup_create(STREAM, GROUP, id="0")
    client.xreadgroup(GROUP, "busy", {STREAM: ">"}, count=5)
    recorder = Recorder()
    with running(consumer(client, recorder, claim_idle_ms=60_000)):
        add(client, 1, first=5)
        wait_for(lambda: recorder.numbers == [5])
        time.sleep(0.2)
    assert recorder.numbers == [5]
    assert pending(client) == 5


def test_own_entries_without_an_answer_are_read_first(client):
    add(client, 15)
    client.xgroup_create(STREAM, GROUP, id="0")
    client.xreadgroup(GROUP, "mine", {STREAM: ">"}, count=12)
    recorder = Recorder()
    with running(consumer(client, recorder, consumer_name="mine")):
        wait_for(lambda: pending(client) == 0 and len(recorder.numbers) == 15)
    # A batch of the own ones, a batch of new ones, the rest of the own ones.
    assert recorder.numbers == [*range(10), 12, 13, 14, 10, 11]


@pytest.mark.slow
@pytest.mark.parametrize("kept", [1, 2])
def test_new_entries_flow_past_many_old_ones_that_cannot_be_handled(client, kept):
    add(client, 200)
    client.xgroup_create(STREAM, GROUP, id="0")
    client.xreadgroup(GROUP, "dead", {STREAM: ">"}, count=200)
    recorder = Recorder()

    def handle(entries) -> None:
        if any(int(entry.fields["number"]) < 200 for entry in entries):
            # As long as a server that doesn't answer takes.
            time.sleep(0.2)
            raise RetryLater("node0 is down", only=[entry.id for entry in entries[:kept]])
        recorder(entries)

    with running(consumer(client, recorder, handler=handle, batch_size=2, claim_idle_ms=1)):
        for first in range(200, 220, 2):
            started_at = time.monotonic()
            add(client, 2, first=first)
            wait_for(lambda: recorder.numbers[-1:] == [first + 1])  # noqa: B023 - called within the round
            assert time.monotonic() - started_at < 10
    assert pending(client) >= 100


def test_poison_is_set_aside_alone(client):
    add(client, 20)
    recorder = Recorder(lambda number: ValueError("broken") if number == 13 else None)
    with running(consumer(client, recorder, batch_size=20)):
        wait_for(lambda: len(recorder.numbers) == 19)
        wait_for(lambda: pending(client) == 0)
    assert recorder.aside == [(13, "ValueError: broken")]
    assert sorted(recorder.numbers) == [number for number in range(20) if number != 13]


def test_poison_that_cannot_be_set_aside_is_not_acknowledged(client):
    add(client, 3)
    recorder = Recorder(lambda number: ValueError("broken") if number == 1 else None)
    tries = []

    def refuse_first(entry: Entry, reason: str) -> None:
        tries.append(pending(client))
        if len(tries) == 1:
            raise OperationalError(2002, "the table of such entries is away")
        recorder.set_aside(entry, reason)

    with running(consumer(client, recorder, set_aside=refuse_first, claim_idle_ms=100)):
        wait_for(lambda: len(recorder.aside) == 1)
        wait_for(lambda: pending(client) == 0)
    assert tries == [1, 1]


@pytest.mark.parametrize("error", [RetryLater("node0 is down"), OperationalError(2002, "node0 is down")])
def test_entries_put_off_stay_and_come_again_and_others_flow(client, error):
    add(client, 4)
    down = threading.Event()
    down.set()
    recorder = Recorder(lambda number: error if number < 4 and down.is_set() else None)
    with running(consumer(client, recorder, batch_size=4, claim_idle_ms=200)):
        wait_for(lambda: pending(client) == 4)
        add(client, 4, first=4)
        wait_for(lambda: recorder.numbers == [4, 5, 6, 7])
        assert pending(client) == 4
        down.clear()
        wait_for(lambda: pending(client) == 0)
    assert recorder.numbers == [4, 5, 6, 7, 0, 1, 2, 3]
    assert recorder.aside == []


def test_part_of_a_batch_is_put_off(client):
    add(client, 6)
    recorder = Recorder()
    down = threading.Event()
    down.set()

    def handle(entries) -> None:
        odd = [entry.id for entry in entries if int(entry.fields["number"]) % 2]
        recorder([entry for entry in entries if not down.is_set() or entry.id not in odd])
        if down.is_set() and odd:
            raise RetryLater("node1 is down", only=odd)

    with running(consumer(client, recorder, handler=handle, claim_idle_ms=200)):
        wait_for(lambda: pending(client) == 3)
        down.clear()
        wait_for(lambda: pending(client) == 0)
    assert recorder.numbers == [0, 2, 4, 1, 3, 5]


@pytest.mark.slow
def test_redis_killed_and_started_again(client, redis_server: RunningServer):
    recorder = Recorder()
    with running(consumer(client, recorder, claim_idle_ms=60_000)):
        add(client, 5)
        wait_for(lambda: len(recorder.numbers) == 5)
        redis_server.kill()
        time.sleep(0.5)
        redis_server.start()
        add(ledger(), 5, first=5)
        wait_for(lambda: set(recorder.numbers) == set(range(10)))
        wait_for(lambda: pending(ledger()) == 0)


@pytest.mark.slow
def test_redis_stopped_before_the_ack_repeats_the_entries(client, redis_server: RunningServer):
    add(client, 3)
    first_call = threading.Event()
    recorder = Recorder()

    def handle(entries) -> None:
        recorder(entries)
        if not first_call.is_set():
            redis_server.kill()
            first_call.set()

    with running(consumer(client, recorder, handler=handle, claim_idle_ms=60_000)):
        assert first_call.wait(10)
        time.sleep(0.2)
        redis_server.start()
        wait_for(lambda: pending(ledger()) == 0)
    # Read again from its own pending list: no claim would be due for a minute.
    assert recorder.numbers == [0, 1, 2, 0, 1, 2]


def test_stream_removed_while_waiting_is_consumed_from_its_beginning(client):
    recorder = Recorder()
    with running(consumer(client, recorder)):
        add(client, 2)
        wait_for(lambda: len(recorder.numbers) == 2)
        ledger().delete(STREAM)
        add(ledger(), 3, first=2)
        wait_for(lambda: len(recorder.numbers) == 5)
    assert recorder.numbers == list(range(5))


@pytest.mark.parametrize(("owner", "claim_idle_ms"), [("mine", 60_000), ("dead", 1)])
def test_entry_trimmed_while_pending_holds_nothing_up(client, owner, claim_idle_ms):
    ids = add(client, 4)
    client.xgroup_create(STREAM, GROUP, id="0")
    client.xreadgroup(GROUP, owner, {STREAM: ">"}, count=4)
    client.xdel(STREAM, ids[0], ids[2])
    seen: list[str] = []
    with running(
        consumer(
            client,
            Recorder(),
            handler=lambda entries: seen.extend(entry.id for entry in entries),
            consumer_name="mine",
            claim_idle_ms=claim_idle_ms,
        )
    ):
        wait_for(lambda: pending(client) == 0)
    # A handler never meets an entry without its fields.
    assert seen == [ids[1], ids[3]]


def test_trim_keeps_what_any_group_still_needs(client):
    add(client, 10)
    one = consumer(client, Recorder())
    assert one.trim_behind() == 0
    client.xgroup_create(STREAM, GROUP, id="0")
    client.xgroup_create(STREAM, "statistics", id="0")
    read = [identity for identity, _ in client.xreadgroup(GROUP, "a", {STREAM: ">"}, count=8)[0][1]]
    # The other group has read nothing.
    assert one.trim_behind() == 0
    client.xreadgroup("statistics", "b", {STREAM: ">"}, count=10)
    client.xack(STREAM, "statistics", *read)
    # Ours has the third pending; the fourth acknowledged one behind it must stay.
    client.xack(STREAM, GROUP, *(read[:2] + read[3:]))
    assert one.trim_behind() == 2
    client.xack(STREAM, GROUP, read[2])
    assert one.trim_behind() == 6
    # Two are undelivered in one group and pending in the other.
    assert [int(fields[b"number"]) for _, fields in client.xrange(STREAM)] == [8, 9]


def test_trim_compares_ids_as_numbers(client):
    client.xadd(STREAM, {"number": 1}, id="99-9")
    client.xadd(STREAM, {"number": 2}, id="99-10")
    client.xadd(STREAM, {"number": 3}, id="100-18446744073709551615")
    client.xgroup_create(STREAM, "ahead", id="100-18446744073709551615")
    client.xgroup_create(STREAM, "behind", id="99-9")
    assert consumer(client, Recorder()).trim_behind() == 1
    assert client.xlen(STREAM) == 2


def test_stopping_leaves_no_name_but_never_drops_pending_entries(client):
    add(client, 1)
    idle, holding = Recorder(), Recorder(lambda number: RetryLater("not now"))
    with running(consumer(client, holding, consumer_name="holding")):
        wait_for(lambda: pending(client) == 1)
    with running(consumer(client, idle, consumer_name="idle")):
        wait_for(lambda: len(client.xinfo_consumers(STREAM, GROUP)) == 2)
    assert [facts["name"] for facts in client.xinfo_consumers(STREAM, GROUP)] == [b"holding"]
    assert consumer(client, idle).forget_idle_consumers(idle_ms=0) == 0
    assert pending(client) == 1


def test_ack_of_the_callers_own(client):
    add(client, 5)
    acked: list[str] = []

    def ack_and_count(entries) -> None:
        with client.pipeline() as pipeline:
            pipeline.xack(STREAM, GROUP, *[entry.id for entry in entries])
            pipeline.incrby("{p00}persisted", len(entries))
            pipeline.execute()
        acked.extend(entry.id for entry in entries)

    recorder = Recorder(lambda number: ValueError("broken") if number == 2 else None)
    with running(consumer(client, recorder, ack=ack_and_count)):
        wait_for(lambda: len(acked) == 5)
    assert (pending(client), client.get("{p00}persisted")) == (0, b"5")


def test_two_consumers_share_the_work(client):
    add(client, 200)
    first, second = Recorder(), Recorder()
    with running(consumer(client, first, batch_size=5), consumer(client, second, batch_size=5)):
        wait_for(lambda: len(first.numbers) + len(second.numbers) >= 200)
    assert sorted(first.numbers + second.numbers) == list(range(200))
    assert first.numbers
    assert second.numbers


def test_wrong_kind_of_key_is_raised(client):
    client.set(STREAM, "text")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        consumer(client, Recorder()).run()


def test_impatient_client_is_refused(client):
    with pytest.raises(ValueError, match="blocking"):
        consumer(ledger(), Recorder(), block_ms=2000)
    with pytest.raises(ValueError, match="1 or more"):
        consumer(client, Recorder(), block_ms=0)


def test_consumer_names_are_never_the_same():
    assert unique_consumer_name("drain") != unique_consumer_name("drain")


def test_backlog_says_what_is_left(client):
    assert stream_backlog(client, STREAM, GROUP).oldest_ms is None
    ids = add(client, 5)
    before = stream_backlog(client, STREAM, GROUP)
    assert (before.undelivered, before.pending, before.oldest_id) == (5, 0, ids[0])
    client.xgroup_create(STREAM, GROUP, id="0")
    client.xreadgroup(GROUP, "a", {STREAM: ">"}, count=2)
    client.xack(STREAM, GROUP, ids[0])
    between = stream_backlog(client, STREAM, GROUP)
    assert (between.undelivered, between.pending, between.oldest_id) == (3, 1, ids[1])
    assert between.oldest_ms == int(ids[1].split("-")[0])
    client.xdel(STREAM, ids[3])
    assert stream_backlog(client, STREAM, GROUP).undelivered >= 1
    client.xreadgroup(GROUP, "a", {STREAM: ">"}, count=5)
    client.xack(STREAM, GROUP, *ids)
    after = stream_backlog(client, STREAM, GROUP)
    assert (after.undelivered, after.pending, after.oldest_id) == (0, 0, None)
