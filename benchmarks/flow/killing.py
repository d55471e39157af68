"""SIGKILL and long silence on the way: what was accepted has to be there afterwards."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from django.db import connections

from pgs_data.private_servers.running import RunningServer


@dataclass
class Outage:
    """A server that is silent (SIGSTOP) for so long, in the middle of the load; `began` and `ended` once it was."""

    name: str
    seconds: float
    began: datetime | None = None
    ended: datetime | None = None


class Executioner:
    """Kills and restarts the named ones, at even distances; `look` has to be called about once a second, in the main
    thread. `outage` is in the middle of the load."""

    def __init__(
        self,
        victims: Mapping[str, RunningServer],
        names: Sequence[str],
        *,
        seconds: float,
        outage: Outage | None = None,
    ) -> None:
        pause = seconds / (len(names) + 1)
        self._due: list[tuple[float, Callable[[], None]]] = [
            (pause * (place + 1), partial(self._restart, victims[name])) for place, name in enumerate(names)
        ]
        if outage:
            before = (seconds - outage.seconds) / 2
            self._due.append((before, partial(_silence, victims[outage.name], outage)))
            self._due.append((before + outage.seconds, partial(_wake, victims[outage.name], outage)))
        self._due.sort(key=lambda one: one[0])
        self._began = time.monotonic()
        self.killed = 0

    def look(self) -> None:
        """Does what is due. Starting again takes a moment in which nothing is sent; what was due then is sent late."""
        while self._due and time.monotonic() - self._began >= self._due[0][0]:
            _at, act = self._due.pop(0)
            act()

    def finish(self) -> None:
        """Raises AssertionError when somebody who was named lives unharmed. Not for the loop of the load."""
        # This thread's own connections to the killed are broken as well.
        connections.close_all()
        if self._due:
            raise AssertionError(f"{len(self._due)} were not killed")

    def _restart(self, victim: RunningServer) -> None:
        victim.restart()
        self.killed += 1


def _silence(victim: RunningServer, outage: Outage) -> None:
    # No database is asked in the loop of the load; all of them have this machine's clock.
    outage.began = datetime.now(UTC)
    victim.pause()


def _wake(victim: RunningServer, outage: Outage) -> None:
    victim.resume()
    outage.ended = datetime.now(UTC)
