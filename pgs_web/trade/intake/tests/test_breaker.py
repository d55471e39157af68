"""A few callers wait for a ledger that hangs; the others are told no at once, until somebody got through."""

import pytest

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


def test_a_slow_failure_closes_until_somebody_gets_through(clock):
    breaker = Breaker()
    assert breaker.enter()
    assert breaker.fail(2 * SLOW_SECONDS)
    assert breaker.is_closed()
    assert not breaker.enter()
    clock.now += CLOSED_SECONDS + 0.01
    # One tries, and waits; the others still hear no.
    assert not breaker.is_closed()
    assert breaker.enter()
    assert not breaker.enter()
    assert breaker.is_closed()
    assert breaker.fail(2 * SLOW_SECONDS)
    assert not breaker.enter()
    clock.now += CLOSED_SECONDS + 0.01
    assert breaker.enter()
    breaker.succeed()
    assert breaker.enter()
    assert breaker.enter()


def test_a_fast_failure_closes_nothing(clock):
    breaker = Breaker()
    assert breaker.enter()
    assert not breaker.fail(SLOW_SECONDS / 2)
    assert breaker.enter()


def test_looking_takes_nobodys_turn(clock):
    breaker = Breaker()
    breaker.fail(2 * SLOW_SECONDS)
    clock.now += CLOSED_SECONDS + 0.01
    assert not breaker.is_closed()
    assert not breaker.is_closed()
    assert breaker.enter()


def test_a_turn_that_was_not_used_is_the_next_ones(clock):
    breaker = Breaker()
    breaker.fail(2 * SLOW_SECONDS)
    clock.now += CLOSED_SECONDS + 0.01
    assert breaker.enter()
    breaker.give_up_trial()
    assert breaker.enter()
