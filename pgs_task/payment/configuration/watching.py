"""Keeps this process's configuration new: told through Redis, asks by itself in case it wasn't, says what it holds."""

import os
import threading
import time
from contextlib import closing

import structlog
from django.db import connection

from pgs_data.redis.connections import RedisUnavailable, cache
from pgs_task.payment.configuration.keys import CHANNEL
from pgs_task.payment.configuration.memory import held_version, note_watcher, refresh
from pgs_task.payment.configuration.processes import REPEAT_SECONDS, acknowledge
from pgs_web.api.errors import OUTAGES

# A push that got lost, or a Redis that is away, delays a change by this; one query of a primary key costs it.
POLL_SECONDS = 3.0

log = structlog.get_logger(__name__)

_watchers: dict[int, "ConfigurationWatcher"] = {}


def watch_configuration(*, process: str) -> "ConfigurationWatcher":
    """Begins to watch in a thread of this process, once; `process` is what the back office calls it.

    Call it after a fork: a thread doesn't survive one.
    """
    watcher = _watchers.get(os.getpid())
    if watcher is None:
        watcher = _watchers.setdefault(os.getpid(), ConfigurationWatcher(process=process))
        watcher.start()
    return watcher


def forget_watchers() -> None:
    """As a process that nobody tells of changes: what watches in it holds and says nothing any more, and ends soon."""
    while _watchers:
        _pid, watcher = _watchers.popitem()
        watcher.leave()


class ConfigurationWatcher:
    """One a process. Nothing that goes wrong here ends it: the process runs on with what it holds."""

    def __init__(self, *, process: str, poll_seconds: float = POLL_SECONDS) -> None:
        self._process = process
        self._poll_seconds = poll_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="payment-configuration", daemon=True)
        self._said: tuple[int | None, float] | None = None

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()
        note_watcher()

    def leave(self) -> None:
        """Takes and says nothing any more; the thread ends when it has waited for the next push or its next look."""
        self._stop.set()

    def stop(self) -> None:
        """Ends the thread; it has ended when this returns."""
        self.leave()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except RedisUnavailable as error:
                log.warning("payment_configuration_unheard", error=type(error).__name__)
            except Exception:
                log.exception("payment_configuration_watcher_broke_down")
            if not self._stop.is_set():
                # Without Redis nobody tells: ask the database, at the same pace.
                self._look()
            self._stop.wait(self._poll_seconds)
        connection.close()

    def _listen(self) -> None:
        with closing(cache().pubsub(ignore_subscribe_messages=True)) as news:
            news.subscribe(CHANNEL)
            while not self._stop.is_set():
                # Before every wait, so that what was published before the subscription is known too.
                self._look()
                self._say()
                news.get_message(timeout=self._poll_seconds)

    def _look(self) -> None:
        before = held_version()
        try:
            now = refresh().version
        except OUTAGES as error:
            log.warning("payment_configuration_unread", error=type(error).__name__)
            # A connection that broke is opened anew at the next look.
            connection.close()
            return
        if before != now:
            log.info("payment_configuration_taken", version=now, process=self._process)

    def _say(self) -> None:
        version, now = held_version(), time.monotonic()
        if self._said is not None and self._said[0] == version and now - self._said[1] < REPEAT_SECONDS:
            return
        acknowledge(name=self._process, version=version)
        self._said = (version, now)
