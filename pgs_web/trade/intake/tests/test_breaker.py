"""One caller waits for a ledger that hangs; the others are told no at once, until somebody got through."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from pgs_web.api.errors import Unavailable
from pgs_web.trade.intake import breaker as module
from pgs_web.trade.intake.breaker import CLOSED_SECONDS, SLOW_SECONDS, Breaker


class Clock:
    """Stands in for the time module."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def refuses(breaker, clock):
    with pytest.raises(Unavailable):
        call(breaker, clock, partition=4)


def call(breaker, clock, *, takes=0.0, error=None, partition=3, meanwhile=lambda: None):
    """True when the ledger was asked and answered."""
    with breaker.guard(partition):
        meanwhile()
        clock.now += takes
        if error is not None:
            raise error
    return True


def test_a_slow_failure_closes_until_somebody_gets_through(clock):
    breaker = Breaker()
    with pytest.raises(Unavailable):
        call(breaker, clock, takes=2 * SLOW_SECONDS, error=RedisTimeoutError())
    with pytest.raises(Unavailable):
        call(breaker, clock)
    clock.now += CLOSED_SECONDS + 0.01
    # One tries, and waits; the others still hear no.
    with pytest.raises(Unavailable):
        call(
            breaker, clock, error=RedisTimeoutError(), takes=2 * SLOW_SECONDS, meanwhile=lambda: refuses(breaker, clock)
        )
    clock.now += CLOSED_SECONDS + 0.01
    assert call(breaker, clock)
    assert call(breaker, clock)


def test_a_fast_failure_closes_nothing(clock):
    breaker = Breaker()
    with pytest.raises(Unavailable):
        call(breaker, clock, error=RedisConnectionError())
    assert call(breaker, clock)


def test_other_errors_pass(clock):
    with pytest.raises(RuntimeError):
        call(Breaker(), clock, takes=9, error=RuntimeError())


def test_ledgers_of_their_own_hang_alone(clock, settings):
    settings.LEDGER_PARTITION_URLS = {3: "redis://127.0.0.1:1/0"}
    breaker = Breaker()
    with pytest.raises(Unavailable):
        call(breaker, clock, takes=2 * SLOW_SECONDS, error=RedisTimeoutError())
    assert call(breaker, clock, partition=4)
    with pytest.raises(Unavailable):
        call(breaker, clock, partition=3)


def test_who_had_to_wait_for_an_id_does_not_wait_for_the_claim(clock):
    breaker = Breaker()
    with pytest.raises(Unavailable), breaker.guard_patient_call():
        clock.now += 2 * SLOW_SECONDS
    with pytest.raises(Unavailable):
        call(breaker, clock)
    with pytest.raises(Unavailable), breaker.guard_patient_call():
        pytest.fail("asked although the ledger hangs")
    clock.now += CLOSED_SECONDS + 0.01
    # The id and the claim are two calls of one caller: the first doesn't take the turn of the second.
    with breaker.guard_patient_call():
        pass
    assert call(breaker, clock)
