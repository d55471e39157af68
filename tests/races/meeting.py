"""Lets threads begin at the same moment, or near it, each with database connections of its own."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections


def rounds(usual: int) -> int:
    """How often a race is run: as usual in `make test`, as often as PGS_RACE_ROUNDS says in `make test-races`."""
    return int(os.environ.get("PGS_RACE_ROUNDS") or usual)


def meet(*acts: Callable[[], Any]) -> list[Any]:
    """Runs the acts at once and returns what each returned; raises what one of them raised."""
    return meet_with_delays([(act, 0.0) for act in acts])


def meet_with_delays(acts: list[tuple[Callable[[], Any], float]]) -> list[Any]:
    """The same, each act so many seconds after the common start."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Any], delay: float) -> Any:
        try:
            start.wait(timeout=30)
            time.sleep(delay)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        futures = [pool.submit(run, act, delay) for act, delay in acts]
        return [future.result(timeout=60) for future in futures]
