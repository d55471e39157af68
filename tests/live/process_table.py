"""What the kernel says about processes."""

import os
import time
from pathlib import Path

from pgs_task.demo.processes import shop_mark

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on; raises OSError when there is no such process."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie doesn't."""
    try:
        return _stat(pid)[0] not in ("Z", "X")
    except OSError:
        return False


def parent_of(pid: int) -> int:
    """The parent's pid, 0 when the process is gone."""
    try:
        return int(_stat(pid)[1])
    except OSError:
        return 0


def age_of(pid: int) -> float:
    """Seconds since the process was started, 0 when it is gone."""
    try:
        started = int(_stat(pid)[19]) / TICKS_A_SECOND
    except OSError:
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def children_of(pid: int) -> list[int]:
    """Living processes whose parent it is."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return sorted(child for child in pids if parent_of(child) == pid and is_alive(child))


def marked_pids(folder: Path) -> list[int]:
    """Living Python processes of the shop in the folder."""
    mark = shop_mark(folder.resolve()).encode()
    return [pid for pid, words in _command_lines() if mark in words]


def pids_naming(folder: Path) -> list[int]:
    """Living processes with the folder in their command line: the shop's launcher, processes and servers."""
    path = str(folder.resolve()).encode()
    return [pid for pid, words in _command_lines() if any(path in word for word in words)]


def _command_lines() -> list[tuple[int, list[bytes]]]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append((int(entry.parent.name), entry.read_bytes().split(b"\0")))
        except OSError:
            continue
    return found
