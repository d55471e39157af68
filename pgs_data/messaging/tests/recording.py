"""A consumer whose handler remembers what it saw, and a stream to feed it from."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import redis

from pgs_data.messaging.streams import Entry, StreamConsumer, unique_consumer_name

STREAM, GROUP = "{p00}intake", "drain"
BLOCK_MS = 50


class Recorder:
    """A handler and what it saw; `refuse` raises for entries it must not see the end of."""

    def __init__(self, refuse: Callable[[int], Exception | None] = lambda number: None) -> None:
        self.refuse = refuse
        self.numbers: list[int] = []
        self.aside: list[tuple[int, str]] = []

    def __call__(self, entries) -> None:
        numbers = [int(entry.fields["number"]) for entry in entries]
        for number in numbers:
            if error := self.refuse(number):
                raise error
        self.numbers += numbers

    def set_aside(self, entry: Entry, reason: str) -> None:
        self.aside.append((int(entry.fields["number"]), reason))


def consumer(client: redis.Redis, recorder: Recorder, **changes) -> StreamConsumer:
    options = {
        "consumer_name": unique_consumer_name("test"),
        "handler": recorder,
        "batch_size": 10,
        "block_ms": BLOCK_MS,
        "claim_idle_ms": 60_000,
        "set_aside": recorder.set_aside,
        **changes,
    }
    return StreamConsumer(client, STREAM, GROUP, **options)


@contextmanager
def running(*consumers: StreamConsumer) -> Iterator[None]:
    failures: list[BaseException] = []

    def run(one: StreamConsumer) -> None:
        try:
            one.run()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in consumers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for one in consumers:
            one.stop()
        for thread in threads:
            thread.join(10)
    assert not failures, failures
    assert not any(thread.is_alive() for thread in threads)


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.01)


def add(client: redis.Redis, count: int, *, first: int = 0) -> list[str]:
    return [cast(bytes, client.xadd(STREAM, {"number": first + number})).decode() for number in range(count)]


def pending(client: redis.Redis) -> int:
    if not client.exists(STREAM) or not client.xinfo_groups(STREAM):
        return 0
    return client.xpending(STREAM, GROUP)["pending"]
