"""What simulated shoppers saw: answers by code, and how long they took."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile (`share` 0..1) of unsorted values; 0 when there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    # Nearest rank: the smallest value such that at least `share` of all values are not above it.
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]


@dataclass
class Measurements:
    """Counters and latencies in seconds, by the name of the call; 8 bytes a sample, so a million is fine."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    codes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def record(self, call: str, *, code: str, seconds: float) -> None:
        self.seconds[call].append(seconds)
        self.codes[call][code] += 1

    def count(self, call: str, code: str | None = None) -> int:
        """How often the call was made, or how often it was answered with this code."""
        return self.codes[call].total() if code is None else self.codes[call][code]

    def milliseconds(self, call: str) -> tuple[float, float, float]:
        """p50, p95 and p99 of a call in milliseconds."""
        values = sorted(self.seconds[call])
        p50, p95, p99 = (percentile(values, share) * 1000 for share in (0.50, 0.95, 0.99))
        return p50, p95, p99
