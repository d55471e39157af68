"""Processor time that processes have used."""

import os
from collections.abc import Iterable
from pathlib import Path

from pgs_data.private_servers.running import RunningServer

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(servers: Iterable[RunningServer]) -> float:
    """Of all their threads together since they started."""
    return sum(_ticks(server.pid) for server in servers) / TICKS


def _ticks(pid: int) -> int:
    # The name, in brackets, may have blanks; user and system time are the 12th and 13th field behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
