"""A lease in the ledger: one owner at a time, and a number that lets the protected write refuse a late former owner."""

import re
import secrets
import time
from types import TracebackType

import structlog

from pgs_data.lua.loader import Script
from pgs_data.redis.connections import RedisUnavailable, ledger

log = structlog.get_logger(__name__)

NAME = re.compile(r"[a-z0-9_.:-]{1,100}")

_acquire_lock = Script.load("pgs_data", "acquire_lock")
_extend_lock = Script.load("pgs_data", "extend_lock")
_release_lock = Script.load("pgs_data", "release_lock")


class LockHeld(Exception):
    """Somebody else holds the lock, for at most `retry_after_ms` unless they extend it."""

    def __init__(self, name: str, *, retry_after_ms: int) -> None:
        super().__init__(f"{name} is held by somebody else for up to {retry_after_ms} ms.")
        self.name = name
        self.retry_after_ms = retry_after_ms


class LeaseLost(Exception):
    """The lease ended, and may be somebody else's by now: stop writing."""


class Lease:
    """What an owner holds. `fence` grows with every lease of the name: a write with an older one must be refused."""

    def __init__(self, lock: "FencedLock", *, token: str, fence: int, ends_at: float) -> None:
        self.lock = lock
        self.token = token
        self.fence = fence
        self._ends_at = ends_at

    def remaining_ms(self) -> int:
        """Milliseconds for which the lease is surely ours by this process's own clock; 0 when it may be lost."""
        return max(0, int((self._ends_at - time.monotonic()) * 1000))

    def extend(self) -> None:
        """Starts the lease's time anew; raises LeaseLost when it ended, even if nobody else took it yet."""
        # Read before asking: a slow answer must not lengthen what we believe to have.
        asked_at = time.monotonic()
        ttl_ms = self.lock.ttl_ms
        word = _extend_lock(
            ledger(), keys={"holder": self.lock.holder_key}, args={"token": self.token, "ttl_ms": ttl_ms}
        )
        if word != b"EXTENDED":
            self._ends_at = 0.0
            raise LeaseLost(f"The lease {self.fence} of {self.lock.name} has ended.")
        self._ends_at = asked_at + ttl_ms / 1000

    def release(self) -> bool:
        """Ends the lease if it is still ours; False when it had ended before."""
        self._ends_at = 0.0
        word = _release_lock(ledger(), keys={"holder": self.lock.holder_key}, args={"token": self.token})
        return bool(word == b"RELEASED")


class FencedLock:
    """`with FencedLock("stock_sync", ttl_ms=5000) as lease:`; raises LockHeld at once instead of waiting.

    An owner that dies keeps others out for ttl_ms. One that is only slow may find itself beside a new owner: what it
    protects must compare `lease.fence` in the write itself.
    """

    def __init__(self, name: str, ttl_ms: int) -> None:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a lock: lower-case letters, digits and _ . : - only.")
        if ttl_ms < 1:
            raise ValueError("ttl_ms must be 1 or more.")
        self.name = name
        self.ttl_ms = ttl_ms
        self.holder_key = f"{{lock:{name}}}:holder"
        self.fence_key = f"{{lock:{name}}}:fence"
        self._lease: Lease | None = None

    def acquire(self) -> Lease:
        """Takes the lock; raises LockHeld. A lost answer leaves a lease that nobody knows, which ends by itself."""
        asked_at = time.monotonic()
        token = secrets.token_hex(16)
        word, number = _acquire_lock(
            ledger(),
            keys={"holder": self.holder_key, "last_fence": self.fence_key},
            args={"token": token, "ttl_ms": self.ttl_ms},
        )
        if word != b"ACQUIRED":
            raise LockHeld(self.name, retry_after_ms=int(number))
        return Lease(self, token=token, fence=int(number), ends_at=asked_at + self.ttl_ms / 1000)

    def __enter__(self) -> Lease:
        self._lease = self.acquire()
        return self._lease

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            if not lease.release():
                log.warning("lease_outlived", lock=self.name, fence=lease.fence, ttl_ms=self.ttl_ms)
        except RedisUnavailable as unavailable:
            # It ends by itself after ttl_ms; the work inside is done and must not look failed.
            log.warning("lease_not_released", lock=self.name, fence=lease.fence, error=str(unavailable))
