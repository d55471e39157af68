"""A launcher that was SIGKILLed leaves nothing that breaks the next run."""

import os
import signal
import time
from pathlib import Path

import pytest

from pgs_task.demo.processes import shop_mark
from tests import private_run
from tests.live.running_shop import start_shop

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live"), pytest.mark.timeout(300)]


def test_the_next_run_works_after_the_launcher_was_killed(tmp_path: Path) -> None:
    first = start_shop(tmp_path / "shop", nodes=private_run.database_kind())
    (activity,) = first.manage("create_activity", "--stock", "5", "--price-fen", "100", "--json")
    os.kill(first.launcher.pid, signal.SIGKILL)
    first.launcher.wait()

    second = start_shop(tmp_path / "shop", nodes=private_run.database_kind())
    try:
        (stock,) = second.manage("read_stock", str(activity["activity_id"]), "--json")
        assert stock["remain"] == 5, "the second run works on what was there"
        pids = {service["pid"] for service in second.services()}
        # Workers forked by the web server bear the mark too, so only processes of other parents are strangers.
        strangers = [pid for pid in marked_pids(second.folder) if pid not in pids and parent_of(pid) == 1]
        assert strangers == []
    finally:
        second.stop()
    deadline = time.monotonic() + 10
    while marked_pids(second.folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert marked_pids(second.folder) == [], "the launcher ends everything that it started"


def marked_pids(folder: Path) -> list[int]:
    mark = shop_mark(folder.resolve()).encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0
