"""A whole shop in processes of its own, started by the same launcher that people use."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 120


@dataclass
class RunningShop:
    """Started with `start_shop`; `services` is read anew each time, because restarted processes have new pids."""

    folder: Path
    launcher: subprocess.Popen[bytes]

    @property
    def base_url(self) -> str:
        return str(self._content()["base_url"])

    def services(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The lines of services.json, of one kind or all."""
        return [service for service in self._content()["services"] if kind in (None, service["kind"])]

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
        return {**clean_environment(), "PGS_ENV_FILE": str(self.folder / "shop.env")}

    def kill(self, kind: str) -> int:
        """SIGKILLs every process of a kind and returns how many; the launcher restarts them."""
        pids = [service["pid"] for service in self.services(kind)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return len(pids)

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Until /readyz says 200."""
        deadline = time.monotonic() + seconds
        answer = "no answer"
        while time.monotonic() < deadline:
            try:
                response = httpx.get(f"{self.base_url}/readyz", timeout=5)
                if response.status_code == 200:
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
        return verdicts

    def logs(self, characters: int = 1500) -> str:
        """The end of every process's log, for the message of a failing test."""
        paths = sorted((self.folder / "logs").glob("*.log"))
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-characters:]}" for path in paths)

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


def start_shop(folder: Path, *, nodes: str, extra: dict[str, str] | None = None) -> RunningShop:
    """Starts `manage.py demo --no-sale` in a folder and waits until it serves."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "launcher.log").open("ab") as log:
        launcher = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--no-sale", "--data", str(folder), "--nodes", nodes],
            cwd=ROOT,
            env={**clean_environment(), "PGS_ENV_FILE": os.devnull, **(extra or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    shop = RunningShop(folder, launcher)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        started = (folder / "services.json").exists() and shop.services("web")
        if started:
            shop.wait_until_ready()
            return shop
        if launcher.poll() is not None:
            break
        time.sleep(0.2)
    shop.stop()
    raise AssertionError(f"the shop did not start:\n{(folder / 'launcher.log').read_text()[-4000:]}\n{shop.logs()}")
