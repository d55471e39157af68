"""Relays over real nodes: at least once, one at a time, failures of one message or node alone."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connections

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.ids.snowflake import new_id
from pgs_data.messaging.backlog import outbox_backlog
from pgs_data.messaging.errors import RetryLater
from pgs_data.messaging.models import OutboxMessage
from pgs_data.messaging.outbox import append_message
from pgs_data.messaging.relay import Handler, Message, Relay, run_relays
from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.sharding.slots import alias_of_slot, node_aliases
from pgs_data.sharding.transactions import node_transaction

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

# A slot of each of the three nodes.
SLOTS = {alias_of_slot(slot): slot for slot in (0, 32, 63)}
NODE = alias_of_slot(0)


def tell(count: int, *, node: str = NODE, topic: str = "told", first: int = 0) -> None:
    key = new_id(slot=SLOTS[node])
    with node_transaction(key):
        for number in range(first, first + count):
            append_message(topic=topic, shard_key=key, payload={"number": number})


def rows(node: str = NODE):
    return OutboxMessage.objects.on_node(node)


def make_due(node: str = NODE) -> None:
    rows(node).update(available_at=DatabaseNow(after=timedelta(seconds=-1)))


def numbers(messages) -> list[int]:
    return [message.payload["number"] for message in messages]


class Recorder:
    """A handler and what it was given."""

    def __init__(self, refuse: Callable[[int], BaseException | None] = lambda number: None) -> None:
        self.refuse = refuse
        self.batches: list[list[int]] = []
        self.messages: list[Message] = []

    def __call__(self, messages) -> None:
        for number in numbers(messages):
            if error := self.refuse(number):
                raise error
        self.batches.append(numbers(messages))
        self.messages += messages


@contextmanager
def relaying(handlers: dict[str, Handler], *, times: int = 1, ttl_ms: int = 5000, nodes=None) -> Iterator[None]:
    stop = threading.Event()
    threads = [
        threading.Thread(target=run_relays, args=(handlers, stop, 0.01), kwargs={"nodes": nodes, "lock_ttl_ms": ttl_ms})
        for _ in range(times)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.01)


def test_messages_reach_their_topics_handler_once_in_one_batch():
    tell(30)
    tell(2, topic="paid", first=100)
    tell(3, first=30)
    told, paid = Recorder(), Recorder()
    report = Relay(NODE, {"told": told, "paid": paid}).run_once()
    assert (report.read, report.sent, report.put_off, report.failed, report.unrouted) == (35, 35, 0, 0, 0)
    assert (told.batches, paid.batches) == ([list(range(33))], [[100, 101]])
    assert outbox_backlog(NODE).count == 0
    message = told.messages[0]
    assert (message.node, message.topic, message.attempts, message.key) == (NODE, "told", 0, f"{NODE}:{message.id}")


def test_success_is_one_read_and_one_delete(django_assert_num_queries):
    tell(100)
    relay = Relay(NODE, {"told": Recorder()})
    with django_assert_num_queries(2, using=NODE):
        relay.run_once()
    assert outbox_backlog(NODE).count == 0


def test_batches_are_bounded():
    tell(25)
    told = Recorder()
    relay = Relay(NODE, {"told": told}, batch_size=10)
    assert [relay.run_once().sent for _ in range(4)] == [10, 10, 5, 0]
    assert told.batches == [list(range(10)), list(range(10, 20)), list(range(20, 25))]


def test_failing_message_waits_alone_and_says_why():
    tell(10)
    told = Recorder(lambda number: ValueError("no such group") if number == 7 else None)
    report = Relay(NODE, {"told": told}).run_once()
    assert (report.sent, report.failed) == (9, 1)
    row = rows().get()
    assert (row.payload["number"], row.attempts, row.last_error) == (7, 1, "ValueError: no such group")
    assert timedelta(0) < row.available_at - row.created_at
    assert row.available_at - database_now(NODE) < timedelta(seconds=0.3)
    assert outbox_backlog(NODE).failing == 1


def test_pause_grows_with_each_failure_up_to_a_minute():
    tell(1)
    relay = Relay(NODE, {"told": Recorder(lambda number: ValueError("never"))})
    most: list[float] = []
    least: list[float] = []
    for _ in range(12):
        make_due()
        began = database_now(NODE)
        relay.run_once()
        again_at = rows().get().available_at
        # A busy machine's share is in neither.
        most.append((again_at - began).total_seconds())
        least.append((again_at - database_now(NODE)).total_seconds())
    assert rows().get().attempts == 12
    # Half of each doubled step is random.
    assert most[0] > 0.05
    assert least[0] <= 0.2
    assert most[5] > 3
    assert least[5] <= 6.5
    assert most[-1] > 29
    assert least[-1] <= 60
    assert relay.run_once().read == 0


def test_handler_can_put_off_some():
    tell(4)

    def handle(messages) -> None:
        raise RetryLater("group is busy", only=[message.id for message in messages if message.payload["number"] % 2])

    report = Relay(NODE, {"told": handle}).run_once()
    assert (report.sent, report.put_off) == (2, 2)
    assert [(row.payload["number"], row.last_error) for row in rows().order_by("id")] == [
        (1, "group is busy"),
        (3, "group is busy"),
    ]


def test_outage_of_another_server_puts_messages_off_for_seconds_only():
    tell(20)
    told = Recorder(lambda number: OperationalError(2002, "another node is down"))
    relay = Relay(NODE, {"told": told})
    for _ in range(10):
        make_due()
        assert relay.run_once().put_off == 20
    longest = rows().order_by("-available_at").first().available_at - database_now(NODE)
    assert longest < timedelta(seconds=5.1)


def test_topic_without_a_handler_waits_and_disturbs_nobody():
    tell(2, topic="nobody.listens")
    tell(3)
    told = Recorder()
    report = Relay(NODE, {"told": told}).run_once()
    assert (report.sent, report.unrouted) == (3, 2)
    for row in rows():
        assert row.last_error.startswith("UnroutedTopic: no handler for 'nobody.listens'")
        assert timedelta(seconds=55) < row.available_at - database_now(NODE) <= timedelta(seconds=60)


@pytest.mark.slow
def test_relay_that_dies_between_handler_and_delete_is_followed_by_one_that_repeats(redis_server: RunningServer):
    tell(5)
    ids = list(rows().order_by("id").values_list("pk", flat=True))
    names = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    process = subprocess.run(
        [sys.executable, "-m", "pgs_data.messaging.tests.relay_that_dies", NODE, json.dumps(names)], timeout=60
    )
    assert process.returncode == -signal.SIGKILL
    assert [int(number) for number in ledger().lrange("handled", 0, -1)] == ids
    assert rows().count() == 5
    told = Recorder()
    relay = Relay(NODE, {"told": told}, lock_ttl_ms=500)
    wait_for(lambda: relay.run_once().is_holder)
    assert sorted(number for batch in told.batches for number in batch) == [0, 1, 2, 3, 4]
    assert rows().count() == 0


@pytest.mark.slow
def test_only_one_relay_works_and_another_takes_over_after_the_holder_died():
    tell(3)
    # Holds the lock and never comes back.
    dead = Relay(NODE, {"told": Recorder()}, lock_ttl_ms=1500)
    assert dead.run_once().sent == 3
    tell(3)
    told = Recorder()
    waiting = Relay(NODE, {"told": told}, lock_ttl_ms=1500)
    assert not waiting.run_once().is_holder
    assert told.batches == []
    wait_for(lambda: waiting.run_once().is_holder)
    assert told.batches == [[0, 1, 2]]
    # The one thought dead wakes up: it finds the node taken and does nothing.
    tell(1)
    assert not dead.run_once().is_holder
    assert rows().count() == 1


def test_holder_that_is_released_is_followed_at_once():
    first, second = Relay(NODE, {}), Relay(NODE, {})
    assert first.run_once().is_holder
    assert not second.run_once().is_holder
    first.release()
    assert second.run_once().is_holder


@pytest.mark.slow
def test_holder_goes_on_longer_than_one_lease():
    relay, other = Relay(NODE, {}, lock_ttl_ms=2500), Relay(NODE, {}, lock_ttl_ms=2500)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        assert relay.run_once().is_holder
        assert not other.run_once().is_holder
        time.sleep(0.02)


def test_lease_lost_during_a_batch_stops_before_the_next_call():
    tell(3)
    tell(3, topic="paid")
    paid = Recorder()

    def slow(messages) -> None:
        time.sleep(0.15)

    relay = Relay(NODE, {"told": slow, "paid": paid}, lock_ttl_ms=100)
    assert relay.run_once().sent == 3
    assert paid.batches == []
    assert set(rows().values_list("topic", "attempts")) == {("paid", 0)}


def test_several_relays_over_all_nodes_deliver_everything_one_at_a_time():
    busy: dict[str, int] = dict.fromkeys(node_aliases(), 0)
    overlaps: list[str] = []
    seen: list[tuple[str, int]] = []
    guard = threading.Lock()

    def handle(messages) -> None:
        node = messages[0].node
        with guard:
            busy[node] += 1
            if busy[node] > 1:
                overlaps.append(node)
        time.sleep(0.005)
        with guard:
            busy[node] -= 1
            seen.extend((message.node, message.payload["number"]) for message in messages)

    with relaying({"told": handle}, times=3):
        for start in range(0, 60, 10):
            for node in SLOTS:
                tell(10, node=node, first=start)
        wait_for(lambda: len(seen) >= 180, seconds=30)
        wait_for(lambda: all(outbox_backlog(node).count == 0 for node in SLOTS))
    assert overlaps == []
    assert sorted(seen) == sorted((node, number) for node in SLOTS for number in range(60))


@contextmanager
def down(node: str) -> Iterator[None]:
    """New connections of other threads find no server, as after a crash of the node."""
    facts = connections[node].settings_dict
    before = {name: facts[name] for name in ("NAME", "PORT")}
    facts.update({"PORT": "1"} if connections[node].vendor == "mysql" else {"NAME": "/nowhere/node.sqlite3"})
    try:
        yield
    finally:
        facts.update(before)


def test_node_that_is_down_disturbs_no_other_and_is_served_when_it_is_back():
    first, second, third = SLOTS
    for node in SLOTS:
        tell(5, node=node)
    told = Recorder()
    with down(second), relaying({"told": told}):
        wait_for(lambda: len(told.messages) == 10)
        assert {message.node for message in told.messages} == {first, third}
        time.sleep(0.3)
        tell(5, node=first)
        wait_for(lambda: len(told.messages) == 15)
    with relaying({"told": told}):
        wait_for(lambda: len(told.messages) == 20)
    assert {node: outbox_backlog(node).count for node in SLOTS} == dict.fromkeys(SLOTS, 0)


@pytest.mark.slow
def test_node_that_comes_back_is_served_by_the_same_thread():
    told = Recorder()
    stop = threading.Event()
    with down(NODE):
        thread = threading.Thread(target=run_relays, args=({"told": told}, stop, 0.01))
        thread.start()
        time.sleep(0.5)
    tell(1)
    wait_for(lambda: len(told.messages) == 1)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.real
def test_connection_that_the_server_ends_is_replaced():
    told = Recorder()
    with relaying({"told": told}, nodes=[NODE]):
        for number in range(3):
            with connections[NODE].cursor() as cursor:
                cursor.execute(
                    "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
                )
                for (identity,) in cursor.fetchall():
                    cursor.execute(f"KILL {identity:d}")
            tell(1, first=number)
            # One whose delete was killed with its connection comes twice.
            wait_for(lambda: number in numbers(told.messages))  # noqa: B023 - called within the round


@pytest.mark.slow
def test_redis_that_is_down_stops_relaying_until_it_is_back(redis_server: RunningServer):
    told = Recorder()
    with relaying({"told": told}, ttl_ms=600):
        tell(1)
        wait_for(lambda: len(told.messages) == 1)
        redis_server.kill()
        # Its lease ends: without the lock it mustn't go on.
        time.sleep(1)
        tell_without_redis(2)
        time.sleep(0.3)
        assert len(told.messages) == 1
        redis_server.start()
        wait_for(lambda: len(told.messages) == 3)


def tell_without_redis(count: int) -> None:
    key = SLOTS[NODE] << 57 | 1 << 20
    with node_transaction(key):
        for number in range(count):
            append_message(topic="told", shard_key=key, payload={"number": number})


def test_redis_down_is_said_by_a_single_pass(redis_server: RunningServer):
    redis_server.kill()
    with pytest.raises(RedisUnavailable):
        Relay(NODE, {}).run_once()
