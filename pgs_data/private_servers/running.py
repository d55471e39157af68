"""A server process of our own: it dies with the process that started it, and what a crash left behind is cleared."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pgs_data.private_servers.ports import is_listening

PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may be imported.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
HAS_PROCESS_FILES = Path("/proc/self/cmdline").exists()
# Servers sit in sbin, which an ordinary user's PATH doesn't have on Debian.
SERVER_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"


class ServerStartFailed(RuntimeError):
    """The server ended or didn't answer in time; the message carries the end of its log."""


def find_server(*names: str) -> str | None:
    """The first of these executables that PATH or a system folder has."""
    path = f"{os.environ.get('PATH', os.defpath)}:{SERVER_FOLDERS}"
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


@dataclass
class RunningServer:
    """One private server; `start` first ends whatever an earlier owner left running in its folder."""

    name: str
    argv: Sequence[str]
    port: int
    url: str
    data_dir: Path
    # A text in argv that no other process has: tells our leftover from a stranger who got its pid.
    mark: str
    is_ready: Callable[[int], bool]
    start_seconds: float = 20
    # Where the process works; its data directory when not given.
    working_dir: Path | None = None
    # Whether the port must be free at the start: else somebody else's answer would pass for ours.
    binds_port: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """The process id, 0 when it was never started."""
        return self.process.pid if self.process else 0

    @property
    def pid_file(self) -> Path:
        return self.data_dir / f"{self.name}.pid"

    @property
    def log_file(self) -> Path:
        return self.data_dir / f"{self.name}.log"

    def is_running(self) -> bool:
        """Whether the process lives (it may be paused)."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Starts the server and waits until it answers; raises `ServerStartFailed`."""
        if threading.current_thread() is not threading.main_thread():
            # The kernel sends the death signal when the *thread* that forked ends, not the process.
            raise RuntimeError(f"Start {self.name} from the main thread: it would be killed when this thread ends.")
        end_leftover(self.pid_file, self.mark)
        if self.binds_port and is_listening(self.port):
            raise ServerStartFailed(f"{self.name} can't start: port {self.port} is in use by another process.")
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # nosec B603
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.working_dir or self.data_dir,
                # Ctrl-C goes to the terminal's process group: our owner decides when we end.
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
            )
        # Killed before this line: the death signal ends the server too. Where there is no such signal (macOS)
        # an orphan without a pid file is possible in this instant only.
        self.pid_file.write_text(str(self.process.pid))
        self._wait_until_ready()

    def stop(self, *, seconds: float = 10) -> None:
        """Ends the server politely, and by force when it doesn't end in time; nothing when it isn't running."""
        if self.process is None:
            return
        if self.is_running():
            # A paused process takes the TERM only after CONT.
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGCONT)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL, as a crash would; the data directory stays as it was at that moment."""
        if self.is_running() and self.process:
            self.process.kill()
            self.process.wait()

    def pause(self) -> None:
        """SIGSTOP: the port accepts connections, nobody answers."""
        if self.process:
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        if self.process:
            self.process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kills and starts again on the same port and data; raises `ServerStartFailed`."""
        self.kill()
        self.start()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_seconds
        while not self.is_ready(self.port):
            ended = not self.is_running()
            if ended or time.monotonic() > deadline:
                self.kill()
                self.pid_file.unlink(missing_ok=True)
                how = "ended while starting" if ended else f"did not answer within {self.start_seconds:.0f} s"
                log = self.log_file.read_text(errors="replace")[-2000:]
                raise ServerStartFailed(f"{self.name} {how}; the end of {self.log_file}:\n{log}")
            time.sleep(0.01)


def end_leftover(pid_file: Path, mark: str) -> bool:
    """Kills the process that the pid file names if its command line bears the mark; says whether it did."""
    try:
        pid = int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return False
    is_ours = mark in command_line(pid)
    if is_ours:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            is_ours = False
        deadline = time.monotonic() + 10
        while mark in command_line(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
    pid_file.unlink(missing_ok=True)
    return is_ours


def command_line(pid: int) -> str:
    """The command line of a process, empty when there is none such or it is a zombie."""
    if HAS_PROCESS_FILES:
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    answer = subprocess.run(  # noqa: S603  # nosec B603
        ["/bin/ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return answer.stdout


def die_with(parent_pid: int) -> Callable[[], None] | None:
    """For a child to call right after the fork: the kernel kills it when the parent ends. None where it can't."""
    if _LIBC is None:
        return None
    prctl = _LIBC.prctl

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have died before the call; then nobody would ever send the signal.
        if os.getppid() != parent_pid:
            os._exit(1)

    return set_death_signal
