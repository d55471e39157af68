"""A shop for one benchmark: tables in the private servers, and those of its processes that the benchmark asks for."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django

from benchmarks.harness.servers import Servers, clean_environment
from config.processes import PROCESSES
from pgs_data.private_servers.ports import LOOPBACK, free_port, is_listening
from pgs_data.private_servers.running import RunningServer
from pgs_task.demo.processes import WatchedProcess, end_orphans, make_process

ROOT = Path(__file__).resolve().parent.parent.parent
Row = dict[str, Any]


@dataclass
class PrivateShop:
    """Django is set up in this process and works on the same servers as the shop's processes."""

    servers: Servers
    environment: dict[str, str]
    base_url: str
    _stack: ExitStack
    _running: dict[str, WatchedProcess] = field(default_factory=dict)

    def start(self, name: str, *arguments: str, variables: Mapping[str, str] | None = None) -> RunningServer:
        """Starts a process of config/processes.py by its name and waits until `web` answers; raises ServerStartFailed.

        `arguments` are added to its command line (`"--bind"` is given to `web`), `variables` to its environment.
        """
        process = next(process for process in PROCESSES if process.name == name)
        is_web = process.kind == "web"
        bind = ["--bind", self.base_url.removeprefix("http://")] if is_web else []
        return self.start_process(
            f"{name}{sum(known.startswith(name) for known in self._running) or ''}",
            *process.argv,
            *bind,
            *arguments,
            port=int(self.base_url.rpartition(":")[2]) if is_web else 0,
            variables=variables,
        )

    def start_process(
        self, name: str, *argv: str, port: int = 0, variables: Mapping[str, str] | None = None
    ) -> RunningServer:
        """Starts `python …` on this shop, with a port waits until something listens there; raises ServerStartFailed.

        The process ends with the shop; `stop()` of what is returned ends it before.
        """
        watched = make_process(
            name=name,
            kind=name,
            argv=argv,
            folder=self.servers.folder,
            root=ROOT,
            port=port,
            is_ready=is_listening if port else lambda port: True,
        )
        with _environment({**self.environment, **(variables or {})}):
            watched.start()
        self._running[name] = watched
        self._stack.callback(watched.server.stop)
        return watched.server

    def manage(self, *arguments: str, seconds: float = 600) -> list[Row]:
        """`manage.py …` on this shop; its JSON lines. Raises RuntimeError with its output when it fails."""
        ended = self._run(*arguments, seconds=seconds)
        if ended.returncode != 0:
            raise RuntimeError(f"{arguments}:\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}")
        return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]

    def check_invariants(self, *, wait_seconds: float = 120, only: Sequence[str] = ()) -> list[Row]:
        """The verdicts, after waiting for quiet; `manage.py check_invariants` prints them whether they hold or not.

        `only`: those of these ids, whatever is on its way.
        """
        options = ["--only", ",".join(only)] if only else ["--wait", str(wait_seconds)]
        ended = self._run("check_invariants", "--json", *options, seconds=wait_seconds + 600)
        return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]

    def make_shoppers(self, count: int, *, prefix: str = "bench") -> list[Row]:
        """Members who can order at once: `member_id`, `access`, `address_id`, all texts."""
        return self.manage("create_members", str(count), "--prefix", prefix, "--json")

    def wait_until_ready(self, *, seconds: float = 60) -> None:
        """Until the web server says that everything behind it answers; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"{self.base_url}/readyz", timeout=5):
                    return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.base_url}/readyz: {error}\n{self.logs()}") from error
            time.sleep(0.1)

    def logs(self, characters: int = 2000) -> str:
        """The end of every process's log."""
        return "\n".join(
            f"== {name}\n{watched.server.log_file.read_text(errors='replace')[-characters:]}"
            for name, watched in self._running.items()
        )

    def _run(self, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**clean_environment(), **self.environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


def set_up(environment: Mapping[str, str]) -> None:
    """Sets Django up in this process for these servers, and for nobody else's; once, as Django allows.

    A benchmark that needs no tables takes `Servers.environment()`; the others have private_shop.
    """
    for name in set(os.environ) - set(clean_environment()):
        del os.environ[name]
    os.environ.update(environment)
    django.setup()


@contextmanager
def private_shop(servers: Servers, *, variables: Mapping[str, str] | None = None) -> Iterator[PrivateShop]:
    """Makes the tables and sets Django up in this process; the shop's processes end after the block.

    Once in a process: Django reads its settings only once. Import models and services after it, not at the module's
    top. `variables` are settings of this shop, as in `.env.example`.
    """
    base_url = f"http://{LOOPBACK}:{free_port()}"
    # What a killed web server leaves in it goes with the servers' folder.
    temporary = servers.folder / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = {
        **servers.environment(),
        "TMPDIR": str(temporary),
        "SHOP_BASE_URL": base_url,
        "SANDBOX_NOTICE_BASE_URL": base_url,
        **(variables or {}),
    }
    set_up(environment)
    with ExitStack() as stack:
        # After everything else: workers that a killed web server forked.
        stack.callback(end_orphans, servers.folder)
        shop = PrivateShop(servers, environment, base_url, stack)
        shop.manage("migrate_nodes", "--json")
        yield shop


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
