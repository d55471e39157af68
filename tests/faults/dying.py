"""Acts that die in a process of their own, right before their n-th step, as PGS_CRASH_AT lets any process die."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable

from django.db import connections

from pgs_data.crash_points import CrashPoints

LONGEST_SECONDS = 30.0


def survives(act: Callable[[], object], *, at: int, victim: int | None = None) -> bool:
    """Whether the act, in a fork of this process, came to its end before its `at`-th step; with a victim it always
    goes on, and what it says of a server that is away is its own affair. Fails the test on any other end."""
    # What is open would be shared: closing it in the fork would close it here.
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        _run_and_end(act, at=at, victim=victim)
    status = _wait(pid)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"ended by signal {os.WTERMSIG(status)} at step {at}"
        return False
    assert os.WEXITSTATUS(status) in (0, 1), f"the act failed at step {at}: see its traceback"
    return os.WEXITSTATUS(status) == 0


def _run_and_end(act: Callable[[], object], *, at: int, victim: int | None) -> None:
    """Never returns: pytest must not go on in here."""
    code = 3
    try:
        points = CrashPoints(at=at, victim=victim)
        points.install()
        try:
            act()
        except Exception:
            if victim is None:
                raise
        # 1: the server was killed on the way.
        code = 1 if points.steps >= at else 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _wait(pid: int) -> int:
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError(f"the act did not end within {LONGEST_SECONDS:.0f} s")
