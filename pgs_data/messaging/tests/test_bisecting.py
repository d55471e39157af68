"""One bad message among many."""

from dataclasses import dataclass

import pytest
from django.db import InterfaceError, OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from pgs_data.messaging.bisecting import handle_batch
from pgs_data.messaging.errors import RetryLater, is_outage


@dataclass(frozen=True)
class Item:
    id: int


ITEMS = [Item(number) for number in range(100)]


class Handler:
    """Notes what was done; refuses calls that contain a bad item, as one transaction would."""

    def __init__(self, bad: dict[int, Exception]) -> None:
        self.bad = bad
        self.done: list[int] = []
        self.calls = 0

    def __call__(self, items) -> None:
        self.calls += 1
        for item in items:
            if item.id in self.bad:
                raise self.bad[item.id]
        self.done += [item.id for item in items]


def ids(items) -> list[int]:
    return [item.id for item in items]


def test_good_batch_is_one_call():
    handler = Handler({})
    outcome = handle_batch(ITEMS, handler)
    assert (handler.calls, ids(outcome.done), outcome.put_off, outcome.poisoned) == (1, list(range(100)), [], [])


def test_poison_is_found_and_its_neighbours_are_done_once_and_in_order():
    handler = Handler({17: ValueError("broken"), 18: KeyError("x"), 99: ValueError("too")})
    parts: list[list[int]] = []
    outcome = handle_batch(ITEMS, handler, on_done=lambda part: parts.append(ids(part)))
    assert [(item.id, type(error)) for item, error in outcome.poisoned] == [
        (17, ValueError),
        (18, KeyError),
        (99, ValueError),
    ]
    assert handler.done == [number for number in range(100) if number not in {17, 18, 99}]
    assert ids(outcome.done) == handler.done == [number for part in parts for number in part]
    # Halving, not one by one.
    assert handler.calls < 45


def test_retry_later_keeps_the_whole_batch():
    outcome = handle_batch(ITEMS, Handler({5: RetryLater("node0 is down")}))
    assert (outcome.done, outcome.poisoned, outcome.met_outage) == ([], [], False)
    assert [(item.id, reason) for item, reason in outcome.put_off] == [(item.id, "node0 is down") for item in ITEMS]


def test_retry_later_can_name_what_it_keeps():
    finished: list[int] = []

    def handler(items) -> None:
        raise RetryLater("node0 is down", only=[item.id for item in items if item.id % 2])

    outcome = handle_batch(ITEMS, handler, on_done=lambda part: finished.extend(ids(part)))
    assert ids(outcome.done) == finished == list(range(0, 100, 2))
    assert [item.id for item, _reason in outcome.put_off] == list(range(1, 100, 2))


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(2013, "Lost connection to server during query"),
        OperationalError(1205, "Lock wait timeout exceeded"),
        OperationalError("database is locked"),
        InterfaceError("connection already closed"),
        RedisConnectionError("refused"),
    ],
)
def test_outage_puts_everything_off_without_trying_every_half(error: Exception):
    handler = Handler({60: error})
    outcome = handle_batch(ITEMS, handler)
    assert (handler.calls, len(outcome.put_off), outcome.poisoned, outcome.met_outage) == (1, 100, [], True)


def test_outage_while_bisecting_spares_what_is_done_and_loses_nothing():
    handler = Handler({10: ValueError("broken"), 80: OperationalError(2006, "gone away")})
    outcome = handle_batch(ITEMS, handler)
    assert ids(outcome.done) == [number for number in range(50) if number != 10]
    assert [item.id for item, _error in outcome.poisoned] == [10]
    assert sorted(item.id for item, _reason in outcome.put_off) == list(range(50, 100))


@pytest.mark.parametrize("error", [OperationalError(1366, "Incorrect string value"), ValueError("x"), OSError("x")])
def test_error_of_a_message_is_no_outage(error: Exception):
    assert not is_outage(error)


def test_passing_exception_goes_to_the_caller():
    with pytest.raises(LookupError):
        handle_batch(ITEMS, Handler({3: LookupError("lock lost")}), passing=(LookupError,))


def test_empty_batch_is_no_call():
    handler = Handler({})
    handle_batch([], handler)
    assert handler.calls == 0
