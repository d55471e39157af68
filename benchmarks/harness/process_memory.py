"""Memory of processes and what they forked, as the kernel counts it."""

from pathlib import Path


def resident_mib(pid: int) -> float:
    """Resident memory of a process and all its descendants in MiB; pages that they share count for each of them."""
    return sum(_resident_kib(one) for one in _family(pid)) / 1024


def _family(pid: int) -> list[int]:
    family = [pid]
    # Grows while it is walked: children of children follow.
    for member in family:
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            family += map(int, _read(children).split())
    return family


def _resident_kib(pid: int) -> int:
    for line in _read(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        # It has just ended.
        return ""
