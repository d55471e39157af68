"""How long to wait after a failure: doubling, capped, and never in step with others that failed at the same time."""

import random


def pause_after(failures: int, *, first_seconds: float, longest_seconds: float) -> float:
    """Seconds to wait after so many failures in a row (from 1): half of the doubled step, and a random other half."""
    step = min(longest_seconds, first_seconds * 2 ** min(failures - 1, 30))
    return step / 2 + random.random() * step / 2  # nosec B311
