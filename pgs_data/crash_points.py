"""Lets a process die where a drill wants it to: PGS_CRASH_AT=17 is a `kill -9` right before its 17th step.

A step is what another process can see: a statement that writes, a commit, a command to Redis. So a test that counts
from 1 until the process lives dies between any two of them, without a word about crashes in the code that is judged.
PGS_CRASH_AT=17:4711 kills the process 4711 instead, a server for instance, and goes on.

Costs nothing unless the variable is set; production refuses to start with it (config/checks.py).
"""

import os
import re
import signal
from collections.abc import Callable
from typing import Any

import redis
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

WANTED = re.compile(r"([1-9][0-9]{0,6})(?::([1-9][0-9]{0,9}))?")
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD")


class CrashPoints:
    """Counts the steps of this process from its installation on, and kills at one of them."""

    def __init__(self, *, at: int, victim: int | None = None) -> None:
        self.steps = 0
        self._at = at
        self._victim = victim

    def step(self) -> None:
        """One more; at the wanted one it doesn't return, unless the victim is somebody else."""
        self.steps += 1
        if self.steps == self._at:
            os.kill(self._victim or os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """From now on every connection of this process counts, database and Redis. There is no way back."""
        # A closure isn't kept alive by the signal unless it is told so.
        connection_created.connect(self._watch, weak=False)
        for connection in connections.all(initialized_only=True):
            self._watch(connection=connection)
        send = redis.connection.AbstractConnection.send_packed_command

        def send_and_count(connection: Any, *arguments: Any, **options: Any) -> Any:
            self.step()
            return send(connection, *arguments, **options)

        redis.connection.AbstractConnection.send_packed_command = send_and_count  # type: ignore[method-assign, assignment]

    def _watch(self, *, connection: BaseDatabaseWrapper, **_signal: Any) -> None:
        if self._count_write in connection.execute_wrappers:
            return
        connection.execute_wrappers.append(self._count_write)
        commit = connection._commit  # type: ignore[attr-defined]

        def count_and_commit() -> Any:
            self.step()
            return commit()

        connection._commit = count_and_commit  # type: ignore[attr-defined]

    def _count_write(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().upper().startswith(WRITES):
            self.step()
        return execute(sql, params, many, context)


def install_wanted() -> None:
    """Installs what the environment asks for; raises ValueError for what can't be read."""
    text = os.environ.get("PGS_CRASH_AT")
    if not text:
        return
    wanted = WANTED.fullmatch(text)
    if wanted is None:
        raise ValueError(f"PGS_CRASH_AT must be a step like 17, or 17:PID, not {text!r}.")
    CrashPoints(at=int(wanted[1]), victim=int(wanted[2]) if wanted[2] else None).install()
