"""The machine that a figure was measured on: figures of two machines, or of a busy one, say nothing together."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pgs_data.private_servers.running import find_server
from pgs_data.private_servers.valkey import valkey_program


@dataclass(frozen=True)
class Machine:
    """`load` is the load average of the last minute, when the benchmark began."""

    cores: int
    processor: str
    memory_gib: float
    system: str
    python: str
    redis: str
    mariadb: str
    load: float

    @property
    def is_busy(self) -> bool:
        """Whether others worked here when the benchmark began: then only ratios of one run mean something."""
        return self.load > 0.5 * self.cores

    def line(self) -> str:
        """One line for under a table."""
        load = f"load {self.load:.1f} at the start{' (BUSY: trust ratios only)' if self.is_busy else ''}"
        return (
            f"{self.cores} cores, {self.processor}, {self.memory_gib:.0f} GiB; {self.system}; Python {self.python};"
            f" {self.redis}; {self.mariadb}; {load}"
        )


def read_machine() -> Machine:
    """What this machine is and how busy it is."""
    return Machine(
        cores=os.cpu_count() or 1,
        processor=_processor(),
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        redis=_version_of(valkey_program("path"), "--version", r"(Redis|Valkey) server v=([\d.]+)"),
        mariadb=_version_of(find_server("mariadbd", "mysqld"), "--version", r"Ver ([\d.]+)-(MariaDB)"),
        load=os.getloadavg()[0],
    )


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _text(Path("/proc/cpuinfo")), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _version_of(program: str | None, option: str, pattern: str) -> str:
    if program is None:
        return "none"
    answer = subprocess.run([program, option], capture_output=True, text=True, check=False)
    found = re.search(pattern, answer.stdout)
    return " ".join(sorted(found.groups(), key=str.isalpha, reverse=True)) if found else Path(program).name
