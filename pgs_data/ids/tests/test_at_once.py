"""Ids for an event loop: never one twice, never a wait."""

import threading

import pytest

from pgs_data.ids import at_once
from pgs_data.ids.at_once import ReadyIds
from pgs_data.ids.errors import IdSourceUnavailable, InvalidId
from pgs_data.ids.layout import IDS_A_MILLISECOND, unpack_id
from pgs_data.ids.machine_number import SPAN_MS


@pytest.fixture
def ids(redis_server):
    source = ReadyIds()
    source.renew()
    return source


def test_they_are_different_and_carry_their_slot(ids):
    made = [ids.new_id(number % 64) for number in range(20_000)]
    assert len(set(made)) == len(made)
    assert all(unpack_id(made[number]).slot == number % 64 for number in range(64))


def test_two_sources_and_renewals_in_between(redis_server):
    sources = [ReadyIds() for _ in range(3)]
    for source in sources:
        source.renew()
    is_over = threading.Event()

    def keep() -> None:
        while not is_over.is_set():
            for source in sources:
                source.renew()

    keeper = threading.Thread(target=keep)
    keeper.start()
    made = [source.new_id(1) for _ in range(5_000) for source in sources]
    is_over.set()
    keeper.join()
    assert len(set(made)) == len(made)


def test_before_the_first_loan_there_are_none():
    with pytest.raises(IdSourceUnavailable):
        ReadyIds().new_id(1)


def test_after_the_loan_there_are_none(ids, monkeypatch):
    now = at_once.clock_ms()
    ids.new_id(1)
    monkeypatch.setattr(at_once, "clock_ms", lambda: now + SPAN_MS + 1000)
    with pytest.raises(IdSourceUnavailable):
        ids.new_id(1)
    ids.renew()
    assert unpack_id(ids.new_id(1)).unix_ms == now + SPAN_MS + 1000


def test_a_clock_that_goes_back_or_stands_still(ids, monkeypatch):
    now = at_once.clock_ms()
    made = []
    for reading in [now] * IDS_A_MILLISECOND + [now - 5000] * (2 * IDS_A_MILLISECOND) + [now + 1]:
        monkeypatch.setattr(at_once, "clock_ms", lambda reading=reading: reading)
        made.append(ids.new_id(1))
    assert sorted(set(made)) == made


def test_a_ledger_that_is_down_ends_nothing_at_once(ids, redis_server):
    redis_server.kill()
    with pytest.raises(IdSourceUnavailable):
        ids.renew()
    assert ids.new_id(1)


def test_slots_outside(ids):
    with pytest.raises(InvalidId):
        ids.new_id(64)


def test_ids_that_leave_a_residue(ids):
    made = [ids.new_id(3, residue=number % 8, modulus=8) for number in range(0, 3000, 3)]
    assert [one % 8 for one in made] == [number % 8 for number in range(0, 3000, 3)]
    made += [ids.new_id(3) for _ in range(1000)]
    assert made == sorted(set(made))
