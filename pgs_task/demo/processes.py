"""A process of the shop under the launcher's care: started, watched, started again, ended."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pgs_data.private_servers.running import RunningServer, ServerStartFailed

# Starting again at once, then slower: a process that dies at once every time must not eat a core.
RESTART_PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
CALM_SECONDS = 20.0


@dataclass
class WatchedProcess:
    """One line of `services.json`."""

    name: str
    kind: str
    url: str
    server: RunningServer
    restarts: int = 0
    failures: int = field(default=0, repr=False)
    started_at: float = field(default=0.0, repr=False)
    next_start_at: float = field(default=0.0, repr=False)

    def start(self) -> None:
        """Starts it; raises `ServerStartFailed`."""
        self.server.start()
        self.started_at = time.monotonic()

    def revive(self) -> bool:
        """Starts it again when it died; says whether its pid changed. A failing start is tried again later."""
        if self.server.is_running():
            if time.monotonic() - self.started_at > CALM_SECONDS:
                self.failures = 0
            return False
        if time.monotonic() < self.next_start_at:
            return False
        pause = RESTART_PAUSES_SECONDS[min(self.failures, len(RESTART_PAUSES_SECONDS) - 1)]
        self.failures += 1
        self.next_start_at = time.monotonic() + pause
        try:
            self.start()
        except ServerStartFailed:
            return False
        self.restarts += 1
        return True

    def describe(self) -> dict[str, str | int]:
        return {"name": self.name, "kind": self.kind, "pid": self.server.pid, "url": self.url}


def make_process(
    *,
    name: str,
    kind: str,
    argv: Sequence[str],
    folder: Path,
    root: Path,
    url: str = "",
    port: int = 0,
    is_ready: Callable[[int], bool] = lambda port: True,
) -> WatchedProcess:
    """A Python process of the project whose command line bears the shop's mark."""
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    server = RunningServer(
        name=name,
        argv=[sys.executable, "-X", shop_mark(folder), *argv],
        port=port,
        url=url,
        data_dir=logs,
        mark=shop_mark(folder),
        is_ready=is_ready,
        start_seconds=60,
        working_dir=root,
    )
    return WatchedProcess(name=name, kind=kind, url=url, server=server)


def shop_mark(folder: Path) -> str:
    """Stands in the command line of every process of this shop (`python -X` takes any word) and of no other."""
    return f"shop={folder}"


def end_orphans(folder: Path) -> int:
    """Kills what a launcher that died left behind; returns how many.

    A worker forked by a killed gunicorn master has no pid file of its own, so the process table is searched.
    """
    mark = shop_mark(folder).encode()
    ended = 0
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        pid = int(entry.parent.name)
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in words and pid != os.getpid():
            # It may end by itself in this instant.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                ended += 1
    return ended
