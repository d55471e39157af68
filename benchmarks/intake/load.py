"""Load by wrk: kept-alive connections, prepared orders, every answer counted."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

SCRIPT = Path(__file__).with_name("orders.lua")


@dataclass(frozen=True)
class Load:
    """What wrk saw: all answers, those of 400 and above, and what wasn't answered at all.

    `kinds`: status and word of every answer ("202 ACCEPTED", "409 sold_out") → how many, when each was looked at.
    """

    answers: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def accepted(self) -> int:
        return self.answers - self.refused


def add_up(loads: Sequence[Load]) -> Load:
    """Slices of one load: what they counted together, their middle p50 and their worst p99."""
    return Load(
        answers=sum(one.answers for one in loads),
        seconds=sum(one.seconds for one in loads),
        refused=sum(one.refused for one in loads),
        broken=sum(one.broken for one in loads),
        p50_ms=median(one.p50_ms for one in loads),
        p99_ms=max(one.p99_ms for one in loads),
        kinds=dict(sum((Counter(one.kinds) for one in loads), Counter[str]())),
    )


def send_orders(
    url: str,
    *,
    heads: Path,
    activities: Sequence[str],
    prefix: str,
    seconds: int,
    connections: int,
    pause_ms: float = 0.0,
    looks_at_each: bool = False,
) -> Load:
    """Orders over so many connections for so long; with `pause_ms` each waits about so long after every answer.

    `looks_at_each` fills `kinds`, and costs wrk as much as the request.

    Raises RuntimeError with wrk's own words when it fails.
    """
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("Not installed: wrk. Run: apt-get install wrk")
    argv = [
        *(program, "--threads", "2" if connections > 1 else "1", "--connections", str(connections)),
        *("--duration", f"{seconds}s", "--timeout", "5s", "--script", str(SCRIPT), url, "--"),
        *(str(heads), ",".join(activities), prefix, str(round(pause_ms)), "each" if looks_at_each else ""),
    ]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    line = next((line for line in ended.stdout.splitlines() if line.startswith("JSON ")), None)
    if line is None:
        raise RuntimeError(f"wrk: {ended.stdout}{ended.stderr}")
    return Load(**json.loads(line.removeprefix("JSON ")))
