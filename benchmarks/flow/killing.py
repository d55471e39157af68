"""SIGKILL on the way: what was accepted has to be there afterwards."""

import time
from collections.abc import Mapping, Sequence

from pgs_data.private_servers.running import RunningServer


class Executioner:
    """Kills and restarts the named ones; `look` has to be called about once a second, in the main thread."""

    def __init__(self, victims: Mapping[str, RunningServer], names: Sequence[str], *, seconds: float) -> None:
        pause = seconds / (len(names) + 1)
        self._due = [(pause * (place + 1), victims[name]) for place, name in enumerate(names)]
        self._began = time.monotonic()
        self.killed = 0

    def look(self) -> None:
        """Kills who is due. Starting again takes a moment in which nothing is sent; what was due then is sent late."""
        while self._due and time.monotonic() - self._began >= self._due[0][0]:
            _at, victim = self._due.pop(0)
            victim.restart()
            self.killed += 1

    def finish(self) -> None:
        """Raises AssertionError when somebody who was named lives unharmed."""
        if self._due:
            raise AssertionError(f"{len(self._due)} were not killed")
