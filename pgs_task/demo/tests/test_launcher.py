"""The launcher keeps its processes alive and leaves nothing behind, however it ends; with tiny processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgs_task.demo.address_book import open_address_book
from pgs_task.demo.launcher import Launcher, ShopIsRunning, claim_folder
from pgs_task.demo.processes import RESTART_PAUSES_SECONDS, end_orphans, make_process, shop_mark

ROOT = Path(__file__).resolve().parents[3]
SLEEP = ["-c", "import time; time.sleep(60)"]
# Forks a worker that outlives it and has no pid file of its own, as gunicorn's would.
FORK = ["-c", "import os, time; os.fork(); time.sleep(60)"]
# `--bind host:port`, as gunicorn is told.
SERVE = [
    "-c",
    """
import socket, sys, time
host, port = sys.argv[-1].split(":")
server = socket.create_server((host, int(port)))
time.sleep(60)
""",
]
# What a launcher's process does until it is killed, in a process of its own.
OWNER = """
import sys, time
from pathlib import Path
from pgs_task.demo.address_book import open_address_book
from pgs_task.demo.launcher import Launcher, claim_folder
folder, root = Path(sys.argv[1]), Path(sys.argv[2])
lock = claim_folder(folder)
launcher = Launcher(book=open_address_book(folder, nodes="sqlite", port=None), root=root, table=%r)
launcher.start_servers()
launcher.start_shop()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "shop"
    end_orphans(tmp_path / "shop")


@pytest.fixture
def launch(folder: Path) -> Iterator[Callable[..., Launcher]]:
    """Starts a shop of these processes in the folder; stopped after the test."""
    started: list[Launcher] = []

    def start(*table: tuple[str, str, list[str]]) -> Launcher:
        folder.mkdir(exist_ok=True)
        launcher = Launcher(
            book=open_address_book(folder, nodes="sqlite", port=None),
            root=ROOT,
            table=[("drain", "drain", SLEEP), *table],
        )
        started.append(launcher)
        launcher.start_servers()
        launcher.start_shop()
        return launcher

    yield start
    for launcher in started:
        launcher.stop()


def services(folder: Path) -> dict[str, int]:
    """Name → pid, as other processes read it."""
    return {one["name"]: one["pid"] for one in json.loads((folder / "services.json").read_text())["services"]}


def marked(folder: Path) -> list[int]:
    """Processes that bear the shop's mark and live."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if shop_mark(folder).encode() in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def wait_until(what: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill(pid: int) -> None:
    """SIGKILL to a child; returns when it is dead and not yet waited for."""
    os.kill(pid, signal.SIGKILL)
    # Not before its last thread has gone: until then nobody can wait for it.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_process_that_dies_is_started_again(launch, folder):
    launcher = launch(("web", "web", SERVE))
    before = services(folder)
    assert before.keys() == {"valkey", "drain", "web"}
    assert launcher.watch() == []
    for name in ("drain", "web", "valkey"):
        kill(before[name])
        assert launcher.watch() == [name]
        assert services(folder)[name] != before[name]
    assert {pid for name, pid in services(folder).items() if name != "valkey"} == set(marked(folder))
    with socket.create_connection(("127.0.0.1", launcher.book.web_port), timeout=5):
        assert launcher.watch() == []


@pytest.mark.slow
def test_one_that_dies_at_once_each_time_does_not_eat_a_core(launch, folder):
    launcher = launch(("broken", "relay", ["-c", "raise SystemExit(1)"]))
    (broken,) = (process for process in launcher.processes if process.name == "broken")
    began = time.monotonic()
    launcher.watch_for(2.0)
    # At once, then after each of the pauses.
    allowed = 1 + sum(sum(RESTART_PAUSES_SECONDS[:number]) <= 2.2 for number in range(1, 6))
    assert 1 <= broken.restarts <= allowed < 6
    assert time.monotonic() - began < 10
    assert all(process.server.is_running() for process in launcher.processes if process is not broken)


def test_one_that_can_not_start_is_tried_again_and_raises_nothing(folder):
    process = make_process(
        name="web", kind="web", argv=["-c", "pass"], folder=folder, root=ROOT, is_ready=lambda _: False
    )
    assert process.revive() is False
    assert process.revive() is False
    assert (process.restarts, process.failures) == (0, 2)
    assert process.next_start_at > time.monotonic()


def test_stop_ends_everything_and_its_files(launch, folder):
    launcher = launch(("web", "web", SERVE), ("forks", "worker", FORK))
    pids = services(folder)
    wait_until(lambda: len(marked(folder)) == 4)
    launcher.book.write_environment_file()
    launcher.stop()
    wait_until(lambda: not marked(folder))
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert not (folder / "services.json").exists()
    assert not (folder / "shop.env").exists()


def test_a_killed_launcher_breaks_no_next_run(launch, folder):
    table = [("drain", "drain", SLEEP), ("forks", "worker", FORK), ("web", "web", SERVE)]
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER % table, str(folder), str(ROOT)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "ready\n"
    wait_until(lambda: len(marked(folder)) == 4)
    left = services(folder)
    with pytest.raises(ShopIsRunning, match="already running"):
        claim_folder(folder)

    owner.kill()
    owner.wait()
    owner.stdout.close()

    # What the launcher started dies with it; the fork of a process has nobody who ends it but the next run.
    wait_until(lambda: len(marked(folder)) == 1)
    with claim_folder(folder):
        assert end_orphans(folder) == 1
        wait_until(lambda: not marked(folder))
        launcher = launch(("web", "web", SERVE))
        assert launcher.watch() == []
        assert set(services(folder).values()).isdisjoint(left.values())


def test_only_what_bears_this_shops_mark_is_ended(folder, tmp_path):
    beside = Path(f"{folder}-2")
    strangers = [
        subprocess.Popen([sys.executable, "-X", shop_mark(beside), *SLEEP]),
        subprocess.Popen([sys.executable, *SLEEP, f"see shop={folder}"]),
    ]
    ours = subprocess.Popen([sys.executable, "-X", shop_mark(folder), *SLEEP])
    try:
        wait_until(lambda: marked(folder) == [ours.pid] and marked(beside) == [strangers[0].pid])
        assert end_orphans(folder) == 1
        assert ours.wait(10) == -signal.SIGKILL
        assert [stranger.poll() for stranger in strangers] == [None, None]
    finally:
        for process in (*strangers, ours):
            process.kill()
            process.wait()


def test_an_orphan_that_ends_by_itself_is_no_error(folder, monkeypatch):
    ours = subprocess.Popen([sys.executable, "-X", shop_mark(folder), *SLEEP])
    wait_until(lambda: marked(folder) == [ours.pid])
    kill_for_real = os.kill

    def too_late(pid: int, number: int) -> None:
        kill_for_real(pid, number)
        ours.wait()
        kill_for_real(pid, number)

    monkeypatch.setattr(os, "kill", too_late)
    assert end_orphans(folder) == 0
    assert ours.poll() == -signal.SIGKILL


def test_a_folder_has_one_launcher(folder):
    with claim_folder(folder), pytest.raises(ShopIsRunning, match="--data"):
        claim_folder(folder)
    with claim_folder(folder):
        assert folder.is_dir()
