"""A ledger that hangs costs a few callers a timeout, and the others are told no at once."""

import time

# A refused connection fails at once and needs no protection; only failures slower than this count.
SLOW_SECONDS = 0.3
# How long everybody is told no; then one caller may try.
CLOSED_SECONDS = 0.5


class Breaker:
    """Remembers whether one server of the ledger hangs; used on one event loop."""

    def __init__(self) -> None:
        self._closed_until = 0.0
        self._is_tried = False

    def is_closed(self) -> bool:
        """Whether nobody may ask now; changes nothing."""
        return bool(self._closed_until) and (self._is_tried or time.monotonic() < self._closed_until)

    def enter(self) -> bool:
        """Whether this caller may ask. After a closed time one may, and the others wait for what becomes of it."""
        if not self._closed_until:
            return True
        if self.is_closed():
            return False
        self._is_tried = True
        return True

    def succeed(self) -> None:
        """The server answered."""
        self._closed_until, self._is_tried = 0.0, False

    def fail(self, seconds: float) -> bool:
        """The server failed after so long; returns whether it hangs, so that those who wait may be told."""
        self._is_tried = False
        if seconds < SLOW_SECONDS:
            return False
        self._closed_until = time.monotonic() + CLOSED_SECONDS
        return True

    def give_up_trial(self) -> None:
        """Whoever was to try didn't ask: the next one may."""
        self._is_tried = False
