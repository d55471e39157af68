"""While the cache Redis is down, nobody waits for it: after an error this process leaves it alone for a second."""

import time


class CacheBreak:
    """One a process; threads may trip it at once, any of their times will do."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        self._until = 0.0

    def is_on(self) -> bool:
        """Whether the cache failed within the last second."""
        return time.monotonic() < self._until

    def begin(self) -> None:
        """The cache failed just now."""
        self._until = time.monotonic() + self.seconds

    def end(self) -> None:
        """Asks the cache again at once."""
        self._until = 0.0


cache_break = CacheBreak(seconds=1.0)
