"""A ledger that hangs costs one caller a timeout, not each of a queue of callers."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from pgs_data.redis.connections import RedisUnavailable
from pgs_web.api.errors import Unavailable

# A refused connection fails at once and needs no protection; only failures slower than this count.
SLOW_SECONDS = 0.3
# How long everybody else is told no; then one caller may try.
CLOSED_SECONDS = 0.5


class Breaker:
    """Remembers which ledgers hang; one for a process, used by all its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed_until: dict[int | None, float] = {}

    @contextmanager
    def guard(self, partition: int) -> Iterator[None]:
        """Around a call of the partition's ledger; raises Unavailable without calling while the ledger hangs."""
        ledger = _ledger_of(partition)
        self._enter(ledger)
        started = time.monotonic()
        try:
            yield
        except RedisUnavailable as error:
            if time.monotonic() - started >= SLOW_SECONDS:
                self._close(ledger)
            raise Unavailable() from error
        if self._closed_until:
            with self._lock:
                self._closed_until.pop(ledger, None)

    @contextmanager
    def guard_patient_call(self) -> Iterator[None]:
        """Around a call that bridges a hanging ledger by what it has in store; raises Unavailable when it had to wait.

        Its answer is good, but who goes on with it would wait at the same ledger a second time.
        """
        # Without taking the turn to try, which the next call of this caller needs.
        with self._lock:
            if time.monotonic() < self._closed_until.get(None, 0.0):
                raise Unavailable()
        started = time.monotonic()
        yield
        if time.monotonic() - started >= SLOW_SECONDS:
            self._close(None)
            raise Unavailable()

    def _close(self, ledger: int | None) -> None:
        with self._lock:
            self._closed_until[ledger] = time.monotonic() + CLOSED_SECONDS

    def _enter(self, ledger: int | None) -> None:
        if not self._closed_until:
            return
        with self._lock:
            until = self._closed_until.get(ledger)
            if until is None:
                return
            now = time.monotonic()
            if now < until:
                raise Unavailable()
            # This caller tries; the others wait for its result, or for the next turn.
            self._closed_until[ledger] = now + CLOSED_SECONDS


def _ledger_of(partition: int) -> int | None:
    """Partitions without a Redis of their own share one, and hang together."""
    return partition if partition in settings.LEDGER_PARTITION_URLS else None
