"""No id twice: whatever threads, forks, clocks, frozen processes and a stopped ledger do."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pgs_data.ids import machine_number, snowflake
from pgs_data.ids.errors import IdSourceUnavailable, InvalidId
from pgs_data.ids.layout import MACHINE_COUNT, IdParts, pack_id, unpack_id
from pgs_data.ids.machine_number import MACHINE_NUMBERS_KEY, SPAN_MS, reserve_span
from pgs_data.ids.snowflake import IdSource, new_id, new_ids, time_of_id
from pgs_data.redis.connections import ledger
from pgs_data.sharding.slots import slot_of_id

NOW_MS = 1_800_000_000_000


class Clock:
    """Wall and monotonic time that a test moves, together or apart."""

    def __init__(self) -> None:
        self.wall_ms = NOW_MS
        self.monotonic_seconds = 1000.0

    def move(self, ms: int) -> None:
        self.wall_ms += ms
        self.monotonic_seconds += ms / 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(snowflake, "clock_ms", lambda: clock.wall_ms)
    monkeypatch.setattr(snowflake, "monotonic", lambda: clock.monotonic_seconds)
    return clock


@pytest.fixture(autouse=True)
def fresh_source(redis_server: Any, monkeypatch: pytest.MonkeyPatch) -> IdSource:
    source = IdSource()
    monkeypatch.setattr(snowflake, "_source", source)
    return source


def end_loan(number: int) -> None:
    """What the ledger's clock does after SPAN_MS: the number's loan is over, its reserved span isn't forgotten."""
    entry: Any = ledger().hget(MACHINE_NUMBERS_KEY, str(number))
    owner, _, reserved = entry.decode().split("|")
    ledger().hset(MACHINE_NUMBERS_KEY, str(number), f"{owner}|1|{reserved}")


def take_all_but(*free: int) -> None:
    """Lends every other number to somebody else for long."""
    for number in set(range(MACHINE_COUNT)) - set(free):
        ledger().hset(MACHINE_NUMBERS_KEY, str(number), f"other|{10**15}|0")


def test_ids_carry_their_slot_and_time_and_ascend() -> None:
    before = time.time_ns() // 1_000_000
    made = [new_id(slot=slot) for slot in range(64)]
    after = time.time_ns() // 1_000_000
    assert [slot_of_id(number) for number in made] == list(range(64))
    assert all(before <= time_of_id(number).timestamp() * 1000 <= after + 1 for number in made)
    many = new_ids(slot=7, count=3000)
    assert many == sorted(set(many))
    assert len(many) == 3000
    assert {slot_of_id(number) for number in many} == {7}
    assert new_ids(slot=7, count=0) == []


@pytest.mark.parametrize("options", [{"slot": -1, "count": 1}, {"slot": 64, "count": 1}, {"slot": 1, "count": -1}])
def test_wrong_slots_and_counts_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(InvalidId):
        new_ids(**options)


def test_threads_never_get_one_id_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def pack_slowly(parts: IdParts) -> int:
        # Between reading the sequence and moving it on: here another thread would read the same.
        time.sleep(0.0001)
        return pack_id(parts)

    def make(_: int) -> list[int]:
        return [new_id(slot=3) for _ in range(100)]

    monkeypatch.setattr(snowflake, "pack_id", pack_slowly)
    with ThreadPoolExecutor(8) as pool:
        made = [number for part in pool.map(make, range(8)) for number in part]
    assert len(set(made)) == len(made) == 800


def test_a_forked_child_takes_a_number_of_its_own() -> None:
    parents_first = new_ids(slot=1, count=100)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(writing, b",".join(str(number).encode() for number in new_ids(slot=1, count=100)))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    parents = parents_first + new_ids(slot=1, count=100)
    with os.fdopen(reading) as pipe:
        childs = [int(number) for number in pipe.read().split(",")]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not set(childs) & set(parents)
    assert {unpack_id(number).machine for number in childs}.isdisjoint(unpack_id(number).machine for number in parents)


def test_a_fork_while_a_thread_makes_ids_leaves_the_child_no_held_lock(fresh_source: IdSource) -> None:
    with fresh_source._lock:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if new_id(slot=1) else 1
            finally:
                # Whatever happened: the child must not go on as a second test run.
                os._exit(status)
        deadline = time.monotonic() + 10
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.01)
        if ended == (0, 0):
            os.kill(child, 9)
            os.waitpid(child, 0)
    assert ended[1:] == (0,)


def test_two_processes_have_two_numbers(clock: Clock) -> None:
    sources = [IdSource() for _ in range(20)]
    machines = [unpack_id(source.new_ids(slot=0, count=1)[0]).machine for source in sources]
    assert len(set(machines)) == 20


def test_more_than_512_a_millisecond_run_into_the_next_ones(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snowflake, "sleep", lambda seconds: clock.move(1))
    made = new_ids(slot=0, count=1200)
    assert len(set(made)) == 1200
    assert [unpack_id(made[place]).unix_ms - NOW_MS for place in (0, 511, 512, 1023, 1024)] == [0, 0, 1, 1, 2]


def test_a_clock_that_goes_back_keeps_the_last_millisecond(clock: Clock) -> None:
    first = new_id(slot=0)
    clock.wall_ms -= 3_600_000
    made = [first, *new_ids(slot=0, count=2000), new_id(slot=0)]
    assert made == sorted(set(made))
    assert unpack_id(made[-1]).unix_ms - NOW_MS == 3


def test_the_loan_is_renewed_at_a_third_and_kept(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = []

    def spy(**options: Any) -> Any:
        spans.append(reserve_span(**options))
        return spans[-1]

    monkeypatch.setattr(snowflake, "reserve_span", spy)
    machines = set()
    for _ in range(40):
        machines.add(unpack_id(new_id(slot=0)).machine)
        clock.move(1000)
    assert len(machines) == 1
    # 40 s in thirds of 15 s.
    assert len(spans) == 8
    assert [span.first_ms - NOW_MS for span in spans] == [5000 * turn for turn in range(8)]


def test_after_a_pause_of_hours_the_number_is_renewed_when_nobody_took_it(clock: Clock) -> None:
    first = unpack_id(new_id(slot=0))
    clock.move(7_200_000)
    second = unpack_id(new_id(slot=0))
    assert (second.machine, second.unix_ms) == (first.machine, NOW_MS + 7_200_000)


def test_a_frozen_process_and_its_successor_never_share_a_millisecond(clock: Clock) -> None:
    take_all_but(5)
    frozen, successor = IdSource(), IdSource()
    old = frozen.new_ids(slot=0, count=1)
    # The ledger's clock ends the loan, while the frozen process still believes in it.
    end_loan(5)
    clock.move(SPAN_MS)
    new = successor.new_ids(slot=0, count=600)
    clock.wall_ms = NOW_MS + 10
    clock.monotonic_seconds = 1000.01
    old += frozen.new_ids(slot=0, count=600)
    assert {unpack_id(number).machine for number in old + new} == {5}
    assert not set(old) & set(new)
    assert max(unpack_id(number).unix_ms for number in old) < min(unpack_id(number).unix_ms for number in new)
    # Awake, it reads the right time, sees that its number is gone, and finds no other.
    clock.move(SPAN_MS)
    with pytest.raises(IdSourceUnavailable):
        frozen.new_ids(slot=0, count=1)


def test_a_successor_whose_clock_is_behind_starts_after_the_reserved_span(clock: Clock) -> None:
    take_all_but(5)
    old = new_ids(slot=0, count=5)
    end_loan(5)
    clock.wall_ms = NOW_MS + SPAN_MS - 500
    new = IdSource().new_ids(slot=0, count=5)
    assert unpack_id(new[0]).unix_ms == NOW_MS + SPAN_MS
    assert min(new) > max(old)


def test_a_number_reserved_too_far_ahead_is_left_alone(clock: Clock) -> None:
    take_all_but(5, 6)
    used = unpack_id(new_id(slot=0)).machine
    end_loan(used)
    # A clock an hour behind: the number's past lies in its future, the fresh one is taken.
    clock.wall_ms -= 3_600_000
    assert {unpack_id(IdSource().new_ids(slot=0, count=1)[0]).machine} == {5, 6} - {used}
    with pytest.raises(IdSourceUnavailable):
        IdSource().new_ids(slot=0, count=1)


def test_unused_and_longest_rested_numbers_are_taken_first(clock: Clock) -> None:
    first = reserve_span(owner="a", held=None, from_ms=NOW_MS)
    end_loan(first.number)
    second = reserve_span(owner="b", held=None, from_ms=NOW_MS)
    assert second.number != first.number


def test_a_lost_number_is_not_renewed(clock: Clock) -> None:
    take_all_but(5, 6)
    first = reserve_span(owner="a", held=None, from_ms=NOW_MS)
    end_loan(first.number)
    other = ({5, 6} - {first.number}).pop()
    ledger().hset(MACHINE_NUMBERS_KEY, str(other), f"other|{10**15}|0")
    taken = reserve_span(owner="b", held=None, from_ms=NOW_MS + SPAN_MS)
    assert taken.number == first.number
    with pytest.raises(IdSourceUnavailable):
        reserve_span(owner="a", held=first.number, from_ms=NOW_MS + SPAN_MS)


def test_when_every_number_is_taken_it_says_so() -> None:
    take_all_but()
    with pytest.raises(IdSourceUnavailable, match="128 machine numbers"):
        new_id(slot=0)


def test_an_emptied_ledger_is_taken_for_a_loss(clock: Clock) -> None:
    first = new_id(slot=0)
    ledger().flushdb()
    clock.move(SPAN_MS + 1)
    assert new_id(slot=0) > first
    assert ledger().hlen(MACHINE_NUMBERS_KEY) == 1


@pytest.mark.slow
def test_a_stopped_ledger_is_noticed_when_the_span_ends_and_within_a_second(redis_server: Any, clock: Clock) -> None:
    made = [new_id(slot=0)]
    redis_server.pause()
    clock.move(SPAN_MS // 2)
    # Renewal fails, the span still holds.
    made.append(new_id(slot=0))
    clock.move(SPAN_MS)
    started = time.perf_counter()
    with pytest.raises(IdSourceUnavailable):
        new_id(slot=0)
    assert time.perf_counter() - started < 5
    redis_server.resume()
    clock.move(1000)
    made.append(new_id(slot=0))
    assert made == sorted(set(made))


@pytest.mark.slow
def test_many_waiting_threads_fail_together_not_one_after_the_other(redis_server: Any) -> None:
    redis_server.pause()
    failed = []

    def try_once() -> None:
        try:
            new_id(slot=0)
        except IdSourceUnavailable:
            failed.append(time.perf_counter() - started)

    threads = [threading.Thread(target=try_once) for _ in range(20)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    redis_server.resume()
    assert len(failed) == 20
    assert max(failed) < 8


def test_a_killed_ledger_that_comes_back_remembers_the_numbers(redis_server: Any, clock: Clock) -> None:
    first = unpack_id(new_id(slot=0))
    redis_server.kill()
    clock.move(SPAN_MS + 1)
    with pytest.raises(IdSourceUnavailable):
        new_id(slot=0)
    redis_server.restart()
    clock.move(1000)
    assert unpack_id(new_id(slot=0)).machine == first.machine
    assert machine_number.reserve_span(owner="new", held=None, from_ms=clock.wall_ms).number != first.machine
