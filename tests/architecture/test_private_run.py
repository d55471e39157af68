"""The suite cleans up after itself, even after runs that were killed."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pgs_data.private_servers.folder import PrivateFolder, remove_abandoned_folders
from tests import private_run
from tests.architecture.source_tree import ROOT

KILLED_RUN = """
import time
import pytest

def test_waits(redis_server):
    print("pid", redis_server.pid, redis_server.data_dir, flush=True)
    time.sleep(60)
"""


def test_folders_of_dead_runs_go_and_those_of_living_ones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    living = PrivateFolder(private_run.FOLDER_PREFIX)
    abandoned = tmp_path / f"{private_run.FOLDER_PREFIX}dead"
    abandoned.mkdir()
    (abandoned / "lock").touch()
    (abandoned / "ibdata1").write_text("much")
    remove_abandoned_folders(private_run.FOLDER_PREFIX)
    assert not abandoned.exists()
    assert living.path.exists()
    living.remove()
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_of_databases_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGS_TEST_DATABASES", "postgres")
    with pytest.raises(ValueError, match="sqlite or mariadb"):
        private_run.database_kind()


@pytest.mark.slow
def test_a_killed_run_leaves_no_server(tmp_path: Path):
    """pytest is killed with SIGKILL while a test runs: its Valkey goes with it, the next run removes its folder."""
    waiting = tmp_path / "test_waiting.py"
    waiting.write_text(KILLED_RUN)
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PGS_TEST_DATABASES": "sqlite", "PYTHONPATH": str(ROOT)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    options = f"-q -s --rootdir {ROOT} -c {ROOT}/pyproject.toml -p no:cacheprovider -p conftest"
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options.split(), str(waiting)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert run.stdout
        line = next(line for line in run.stdout if "pid" in line)
        pid, data_dir = line[line.index("pid") :].split()[1:3]
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        deadline = time.monotonic() + 5
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not Path(f"/proc/{pid}").exists()
        with (Path(data_dir).parent / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        run.kill()
        run.wait()
        assert run.stdout
        run.stdout.close()
