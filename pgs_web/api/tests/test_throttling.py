import threading
import time

import pytest
from django.core.exceptions import ImproperlyConfigured

from pgs_data.redis.connections import RedisUnavailable, cache
from pgs_web.api.errors import TooManyRequests
from pgs_web.api.throttling import Rate, take_turn

pytestmark = pytest.mark.usefixtures("redis_server")


def test_as_many_turns_as_the_rate_says_then_none():
    rate = Rate(turns=3, seconds=60)
    for _ in range(3):
        take_turn("test", "ada", rate=rate)
    with pytest.raises(TooManyRequests) as caught:
        take_turn("test", "ada", rate=rate)
    assert 19 <= caught.value.retry_after <= 20
    take_turn("test", "bob", rate=rate)
    take_turn("other", "ada", rate=rate)


def let_time_pass(*, seconds: float) -> None:
    """As if the only turn that is counted had been taken so much earlier."""
    (key,) = cache().scan_iter("rate:test:*")
    cache().decrby(key, int(seconds * 1_000_000))


def test_a_refusal_costs_no_turn():
    rate = Rate(turns=1, seconds=100)
    take_turn("test", "ada", rate=rate)
    for _ in range(20):
        with pytest.raises(TooManyRequests):
            take_turn("test", "ada", rate=rate)
    let_time_pass(seconds=100)
    take_turn("test", "ada", rate=rate)


def test_turns_are_earned_back_one_by_one():
    rate = Rate(turns=4, seconds=400)
    for _ in range(4):
        take_turn("test", "ada", rate=rate)
    let_time_pass(seconds=120)
    take_turn("test", "ada", rate=rate)
    with pytest.raises(TooManyRequests):
        take_turn("test", "ada", rate=rate)


def test_a_crowd_at_once_gets_no_turn_too_many():
    rate = Rate(turns=5, seconds=600)
    start = threading.Barrier(20)
    outcomes = []

    def try_one():
        start.wait()
        for _ in range(5):
            try:
                take_turn("crowd", "ada", rate=rate)
                outcomes.append(True)
            except TooManyRequests:
                outcomes.append(False)

    threads = [threading.Thread(target=try_one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 100
    assert sum(outcomes) == 5


def test_subjects_never_reach_a_key_and_keys_end():
    take_turn("test", "13800138000 {x}\r\n\x00 \ud800", rate=Rate(turns=1, seconds=5))
    (key,) = (each.decode() for each in cache().scan_iter("rate:test:*"))
    assert key.removeprefix("rate:test:").isalnum()
    assert 0 < cache().pttl(key) <= 5001


@pytest.mark.parametrize("text", ["", "5", "/", "5/", "/5", "0/5", "5/0", "-1/5", "5/1.5", "a/b"])
def test_rates_are_written_one_way(text):
    assert Rate.parse("5/3600") == Rate(turns=5, seconds=3600)
    with pytest.raises(ImproperlyConfigured):
        Rate.parse(text)


@pytest.mark.slow
def test_who_cannot_count_refuses(redis_server):
    redis_server.pause()
    began = time.monotonic()
    with pytest.raises(RedisUnavailable):
        take_turn("test", "ada", rate=Rate(turns=1, seconds=1))
    assert time.monotonic() - began < 5
