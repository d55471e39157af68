"""A benchmark leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.harness.servers import FOLDER_PREFIX, clean_environment
from pgs_data.private_servers.folder import remove_abandoned_folders
from tests.architecture.source_tree import ROOT

BENCHMARK = """
import time
from benchmarks.harness.servers import private_servers

with private_servers(databases="none") as servers:
    print(servers.ledger.pid, servers.memory.pid, servers.folder, flush=True)
    time.sleep({seconds})
    raise ValueError("a mistake in the benchmark")
"""


def run_benchmark(folder: Path, *, end_with: signal.Signals | None) -> tuple[list[str], Path]:
    """Starts one, ends it, and says which of its servers still run and where its folder was."""
    run = subprocess.Popen(
        [sys.executable, "-c", BENCHMARK.format(seconds=60 if end_with else 0)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert run.stdout
        *pids, place = run.stdout.readline().split()
        assert len(pids) == 2
        if end_with:
            run.send_signal(end_with)
        assert run.wait(20) != 0
    finally:
        run.kill()
        run.wait()
        assert run.stdout
        run.stdout.close()
    deadline = time.monotonic() + 5
    while (living := [pid for pid in pids if Path(f"/proc/{pid}").exists()]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return living, Path(place)


@pytest.mark.parametrize("end_with", [None, signal.SIGINT, signal.SIGTERM])
def test_servers_and_folder_go_with_a_benchmark_that_fails_or_is_stopped(
    tmp_path: Path, end_with: signal.Signals | None
):
    living, place = run_benchmark(tmp_path, end_with=end_with)
    assert living == []
    assert not place.exists()


def test_after_a_kill_the_servers_are_gone_and_the_next_benchmark_removes_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    living, place = run_benchmark(tmp_path, end_with=signal.SIGKILL)
    assert living == []
    # The negative control of the tests above: nobody but our own end removes the folder.
    assert place.exists()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    remove_abandoned_folders(FOLDER_PREFIX)
    assert not place.exists()


def test_a_benchmark_knows_no_other_shop(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REDIS_LEDGER_URL", "redis://elsewhere:6379/0")
    monkeypatch.setenv("LEDGER_PINS", "1=2")
    monkeypatch.setenv("HOME", "/somewhere")
    kept = clean_environment()
    assert "REDIS_LEDGER_URL" not in kept
    assert "LEDGER_PINS" not in kept
    assert kept["HOME"] == "/somewhere"
