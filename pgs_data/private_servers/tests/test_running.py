import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import redis

from pgs_data.private_servers.ports import free_port, is_listening
from pgs_data.private_servers.running import RunningServer, ServerStartFailed, command_line, end_leftover
from pgs_data.private_servers.valkey import CONFIG_FILE, start_valkey

OWNER = """
import sys, time
from pathlib import Path
from pgs_data.private_servers.valkey import start_valkey
print(start_valkey(Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def valkey(tmp_path: Path):
    server = start_valkey(tmp_path / "valkey")
    yield server
    server.stop()


def wait_until_gone(pid: int, mark: str, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while mark in command_line(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_stop_ends_the_process_and_frees_the_port(valkey: RunningServer):
    assert is_listening(valkey.port)
    pid = valkey.pid
    valkey.stop()
    assert not valkey.is_running()
    assert not is_listening(valkey.port)
    assert command_line(pid) == ""
    assert not valkey.pid_file.exists()


def test_a_paused_server_stops_too(valkey: RunningServer):
    valkey.pause()
    began = time.monotonic()
    valkey.stop(seconds=5)
    assert time.monotonic() - began < 5
    assert not valkey.is_running()


def test_restart_keeps_port_and_acknowledged_writes(valkey: RunningServer):
    port = valkey.port
    with redis.Redis.from_url(valkey.url) as client:
        client.set("stock", 7)
    valkey.restart()
    assert valkey.port == port
    with redis.Redis.from_url(valkey.url) as client:
        assert client.get("stock") == b"7"


def test_the_server_dies_with_a_killed_owner(tmp_path: Path):
    data_dir = tmp_path / "orphan"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(data_dir)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    mark = str(data_dir / CONFIG_FILE)
    assert mark in command_line(pid)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert wait_until_gone(pid, mark)


def test_the_next_start_ends_what_a_crash_left_behind(valkey: RunningServer):
    """As on a system without death signals: the same program runs on, only its pid file knows it."""
    valkey.kill()
    orphan = subprocess.Popen(list(valkey.argv), cwd=valkey.data_dir, stdout=subprocess.DEVNULL)
    while valkey.mark not in command_line(orphan.pid):
        # The kernel shows the command line an instant after the exec.
        time.sleep(0.001)
    valkey.pid_file.write_text(str(orphan.pid))
    again = start_valkey(valkey.data_dir)
    assert orphan.wait(5) == -signal.SIGKILL
    assert again.is_running()
    again.stop()


def test_a_stranger_with_a_leftover_pid_is_not_killed(tmp_path: Path):
    stranger = subprocess.Popen(["sleep", "30"])
    try:
        pid_file = tmp_path / "valkey.pid"
        pid_file.write_text(str(stranger.pid))
        assert end_leftover(pid_file, str(tmp_path)) is False
        assert stranger.poll() is None
        assert not pid_file.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_an_unreadable_pid_file_is_no_obstacle(tmp_path: Path):
    pid_file = tmp_path / "valkey.pid"
    pid_file.write_text("not a number")
    assert end_leftover(pid_file, "x") is False


def test_a_taken_port_is_named_in_the_error(valkey: RunningServer, tmp_path: Path):
    with pytest.raises(ServerStartFailed, match="in use"):
        start_valkey(tmp_path / "second", port=valkey.port)


def test_starting_in_a_thread_is_refused(valkey: RunningServer):
    refusals: list[str] = []

    def start() -> None:
        try:
            valkey.restart()
        except RuntimeError as refusal:
            refusals.append(str(refusal))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in refusals[0]


def test_free_ports_are_free():
    assert not is_listening(free_port())
