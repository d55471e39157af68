"""One owner at a time, whatever happens, and a number that tells a late one from the present one."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pgs_data.locks import FencedLock, LeaseLost, LockHeld
from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.connections import RedisUnavailable, ledger

pytestmark = pytest.mark.usefixtures("redis_server")


def test_of_many_at_once_one_gets_it():
    for _round in range(20):
        barrier = threading.Barrier(16)

        def try_it(number: int, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait()
            try:
                FencedLock("race", ttl_ms=5000).acquire()
            except LockHeld:
                return False
            return True

        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(try_it, range(16))) == 1
        ledger().delete("{lock:race}:holder")


@pytest.mark.slow
def test_two_owners_are_never_inside_at_once():
    inside, most, fences = 0, 0, []
    guard = threading.Lock()
    stop_at = time.monotonic() + 1

    def work(number: int) -> None:
        nonlocal inside, most
        while time.monotonic() < stop_at:
            try:
                with FencedLock("shared", ttl_ms=5000) as lease:
                    with guard:
                        inside += 1
                        most = max(most, inside)
                        fences.append(lease.fence)
                    time.sleep(0.001)
                    with guard:
                        inside -= 1
            except LockHeld:
                time.sleep(0.0005)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert most == 1
    assert len(fences) > 20
    assert fences == sorted(set(fences))


def test_loser_learns_how_long_and_changes_nothing():
    owner = FencedLock("sync", ttl_ms=5000).acquire()
    before = ledger().pttl("{lock:sync}:holder")
    for _ in range(20):
        with pytest.raises(LockHeld) as held:
            FencedLock("sync", ttl_ms=60_000).acquire()
        assert 0 < held.value.retry_after_ms <= 5000
    # Losers who ask must not lengthen the owner's lease.
    assert ledger().pttl("{lock:sync}:holder") <= before
    assert owner.release()


def test_former_owner_can_neither_extend_nor_release_the_next_ones_lease():
    late = FencedLock("sync", ttl_ms=50).acquire()
    time.sleep(0.1)
    assert late.remaining_ms() == 0
    present = FencedLock("sync", ttl_ms=5000).acquire()
    assert present.fence > late.fence
    with pytest.raises(LeaseLost):
        late.extend()
    assert late.release() is False
    with pytest.raises(LockHeld):
        FencedLock("sync", ttl_ms=5000).acquire()
    present.extend()
    assert present.release() is True


def test_ended_lease_is_not_revived():
    lease = FencedLock("sync", ttl_ms=50).acquire()
    time.sleep(0.1)
    with pytest.raises(LeaseLost):
        lease.extend()
    assert not ledger().exists("{lock:sync}:holder")


@pytest.mark.slow
def test_extending_lengthens_from_now():
    lease = FencedLock("sync", ttl_ms=1500).acquire()
    for _ in range(4):
        time.sleep(0.5)
        lease.extend()
        assert 1000 < lease.remaining_ms() <= 1500
    with pytest.raises(LockHeld):
        FencedLock("sync", ttl_ms=1500).acquire()


def test_fence_grows_over_ends_releases_and_a_restart(redis_server: RunningServer):
    fences = []
    for _ in range(3):
        with FencedLock("sync", ttl_ms=1000) as lease:
            fences.append(lease.fence)
    FencedLock("sync", ttl_ms=20).acquire()
    time.sleep(0.05)
    redis_server.restart()
    fences.append(FencedLock("sync", ttl_ms=1000).acquire().fence)
    assert fences == [1, 2, 3, 5]
    assert ledger().ttl("{lock:sync}:fence") == -1


def test_error_inside_releases_and_passes():
    with pytest.raises(KeyError), FencedLock("sync", ttl_ms=60_000):
        raise KeyError("inside")
    FencedLock("sync", ttl_ms=1000).acquire()


def test_redis_lost_inside_does_not_hide_the_work(redis_server: RunningServer):
    with FencedLock("sync", ttl_ms=60_000):
        redis_server.kill()
    with pytest.raises(RedisUnavailable):
        FencedLock("sync", ttl_ms=1000).acquire()


@pytest.mark.parametrize("name", ["", "a b", "a}{b", "a\r\n", "A", "x" * 101])
def test_hostile_name_is_refused(name: str):
    with pytest.raises(ValueError, match="no name of a lock"):
        FencedLock(name, ttl_ms=1000)


def test_ttl_that_ends_at_once_is_refused():
    with pytest.raises(ValueError, match="1 or more"):
        FencedLock("sync", ttl_ms=0)
