"""A whole shop in processes of its own, started by the same launcher that people use."""

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pgs_data.private_servers.running import die_with
from pgs_task.shoppers.client import Shopper
from tests.live.process_table import is_alive

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 240
# Of the test's process and of each of the shop's: ten thousand clients, and what else is open.
OPEN_FILES = 12_000
# Made with one command, because a command's start costs more than a thousand members.
MEMBERS_AT_ONCE = 7000


@dataclass
class RunningShop:
    """Started with `start_shop`; `services` is read anew each time, because restarted processes have new pids."""

    folder: Path
    nodes: str
    variables: dict[str, str] = field(default_factory=dict)
    launcher: subprocess.Popen[bytes] = field(init=False)
    _unused: list[Shopper] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return str(self._content()["base_url"])

    @property
    def launcher_log(self) -> Path:
        return self.folder / "launcher.log"

    def services(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The lines of services.json, of one kind or all."""
        return [service for service in self._content()["services"] if kind in (None, service["kind"])]

    def pid(self, name: str) -> int:
        """The process with this name, as services.json says it now."""
        return next(int(service["pid"]) for service in self.services() if service["name"] == name)

    def manage(self, *arguments: str, seconds: float = 180) -> list[dict[str, Any]]:
        """`manage.py …` on this shop; its JSON lines. Fails the test with the command's output when it fails."""
        ended = self.run(*arguments, seconds=seconds)
        assert ended.returncode == 0, f"{arguments}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
        return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]

    def run(self, *arguments: str, seconds: float = 180) -> subprocess.CompletedProcess[str]:
        """`manage.py …` on this shop, whatever becomes of it."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """Only this shop's addresses: nothing that the test's own process was given."""
        return {**clean_environment(), **self.variables, "PGS_ENV_FILE": str(self.folder / "shop.env")}

    def take_shoppers(self, count: int) -> list[Shopper]:
        """Signed-in members that no other test has had."""
        if len(self._unused) < count:
            prefix = f"live_{time.time_ns():x}"
            lines = self.manage(
                "create_members", str(max(count, MEMBERS_AT_ONCE)), "--prefix", prefix, "--json", seconds=300
            )
            self._unused += [Shopper(line["member_id"], line["access"], line["address_id"]) for line in lines]
            # Neighbours share a slot: any few shoppers should be on all nodes, and be the same ones in every run.
            random.Random(0).shuffle(self._unused)
        taken, self._unused = self._unused[:count], self._unused[count:]
        return taken

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """SIGSTOPs a server for the length of the block: it takes connections and answers nobody."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def held_down(self, name: str) -> Iterator[None]:
        """SIGKILLs a server; the launcher, which would restart it at once, may do so only after the block."""
        self.launcher.send_signal(signal.SIGSTOP)
        try:
            os.kill(self.pid(name), signal.SIGKILL)
            yield
        finally:
            self.launcher.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def redis(self) -> Iterator[redis.Redis]:
        """A client of the ledger, for looking from outside and for meddling."""
        url = self._content()["redis"]["ledger"]
        with contextlib.closing(
            redis.Redis.from_url(
                url, socket_timeout=5, retry=Retry(NoBackoff(), 0), decode_responses=True, encoding_errors="replace"
            )
        ) as client:
            yield client

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Until /readyz says 200 and every process of services.json lives."""
        deadline = time.monotonic() + seconds
        answer = "no answer"
        while time.monotonic() < deadline:
            try:
                response = httpx.get(f"{self.base_url}/readyz", timeout=5)
                if response.status_code == 200 and all(is_alive(service["pid"]) for service in self.services()):
                    return
                answer = response.text
            except httpx.HTTPError as error:
                answer = repr(error)
            time.sleep(0.1)
        raise AssertionError(f"not ready after {seconds} s: {answer}\n{self.logs()}")

    def assert_invariants_hold(self, wait: float = 90) -> list[dict[str, Any]]:
        """Waits for quiet and fails the test with the offenders when an invariant doesn't hold."""
        ended = self.run("check_invariants", "--json", "--wait", str(wait), seconds=wait + 120)
        verdicts = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
        broken = [verdict for verdict in verdicts if not verdict["ok"]]
        assert not broken, f"{broken}\n{self.logs()}"
        assert ended.returncode == 0, f"{ended.stderr[-3000:]}\n{self.logs()}"
        assert len(verdicts) > 20, "the checks have run"
        return verdicts

    def logs(self, characters: int = 1500) -> str:
        """The end of every process's log, for the message of a failing test."""
        paths = [self.launcher_log, *sorted((self.folder / "logs").glob("*.log"))]
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-characters:]}" for path in paths)

    def start(self) -> None:
        """Starts a launcher in the folder, for the first time or again, and waits until the shop serves."""
        (self.folder / "services.json").unlink(missing_ok=True)
        self.launcher = _launch(self.folder, self.nodes, self.variables)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.launcher.poll() is None:
            # The web server is started last.
            if (self.folder / "services.json").exists() and self.services("web"):
                self.wait_until_ready()
                return
            time.sleep(0.1)
        self.stop()
        raise AssertionError(f"the shop did not start:\n{self.logs(4000)}")

    def stop(self) -> None:
        """Ctrl-C, as a person would; SIGKILL when that isn't enough."""
        self.launcher.send_signal(signal.SIGINT)
        try:
            self.launcher.wait(60)
        except subprocess.TimeoutExpired:
            self.launcher.kill()
            self.launcher.wait()

    def _content(self) -> dict[str, Any]:
        return json.loads((self.folder / "services.json").read_text())  # type: ignore[no-any-return]


def clean_environment() -> dict[str, str]:
    """This process's environment without the addresses of the test's own private servers."""
    ours = ("DATABASE", "NODE_", "BACKUP_", "REDIS_", "PGS_", "DJANGO_", "SQLITE_", "SANDBOX_", "MEDIA_", "STATIC_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def allow_open_files() -> int:
    """Raises this process's limit, and of what it starts from then on; how many files may be open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def start_shop(folder: Path, *, nodes: str, variables: dict[str, str] | None = None) -> RunningShop:
    """Starts `manage.py demo --no-sale` in a folder, with these settings, and waits until it serves."""
    folder.mkdir(parents=True, exist_ok=True)
    allow_open_files()
    shop = RunningShop(folder, nodes, variables or {})
    shop.start()
    return shop


def _launch(folder: Path, nodes: str, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "launcher.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--no-sale", "--data", str(folder), "--nodes", nodes],
            cwd=ROOT,
            env={**clean_environment(), **variables, "PGS_ENV_FILE": os.devnull},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A test run that is killed leaves no shop: the launcher goes with it, and everything with the launcher.
            preexec_fn=die_with(os.getpid()),
        )
