"""Which process runs with which version: each says so itself, and is forgotten when it is silent."""

import json
import os
import socket
from dataclasses import dataclass
from datetime import datetime
from functools import cache as once
from typing import Any

from pgs_data.clock import from_ms
from pgs_data.lua.loader import Script
from pgs_data.redis.connections import cache
from pgs_task.payment.configuration.keys import SAID_KEY, SEEN_KEY

# A process repeats what it said after this, because the cache may lose anything.
REPEAT_SECONDS = 10.0
# A process that was silent for so long has ended.
KEEP_SECONDS = 45
MOST_PROCESSES = 2_000

_acknowledge_version = Script.load("pgs_task.payment.configuration", "acknowledge_version")


@dataclass(frozen=True, kw_only=True)
class RunningProcess:
    """What a process said; `version` is None before it has read one, `seen_at` is Redis' time."""

    name: str
    host: str
    pid: int
    version: int | None
    seen_at: datetime


def acknowledge(*, name: str, version: int | None) -> None:
    """Says that this process runs with the version; raises RedisUnavailable."""
    host, pid = _host(), os.getpid()
    word = json.dumps({"name": name, "host": host, "pid": pid, "version": version})
    _acknowledge_version(
        cache(),
        keys={"said": SAID_KEY, "seen": SEEN_KEY},
        args={"process": f"{host}:{pid}", "word": word, "keep_ms": KEEP_SECONDS * 1000, "most": MOST_PROCESSES},
    )


def list_processes() -> list[RunningProcess]:
    """Those that spoke within KEEP_SECONDS, by name, host and pid; raises RedisUnavailable."""
    client = cache()
    now: Any = client.time()
    oldest_ms = (int(now[0]) - KEEP_SECONDS) * 1000
    seen: Any = client.zrangebyscore(SEEN_KEY, oldest_ms, "+inf", start=0, num=MOST_PROCESSES, withscores=True)
    if not seen:
        return []
    words = client.hmget(SAID_KEY, [process for process, _at in seen])
    # One of the two keys may have been evicted.
    found = [
        RunningProcess(**json.loads(word), seen_at=from_ms(int(at)))
        for (_process, at), word in zip(seen, words, strict=True)
        if word
    ]
    return sorted(found, key=lambda process: (process.name, process.host, process.pid))


@once
def _host() -> str:
    # Kept short and printable: it becomes part of what others read.
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in socket.gethostname())[:64]
