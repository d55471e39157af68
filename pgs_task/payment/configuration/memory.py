"""The configuration that this process holds: one name, replaced as a whole, so that readers need no lock.

A process that watches (watching.py) is told of changes; any other one reads again when it holds a version for long.
"""

import os
import time

from pgs_task.payment.configuration.models import ConfigurationVersion
from pgs_task.payment.configuration.switches import Configuration, read_switches

# How long a process that isn't told of changes believes what it read.
UNWATCHED_SECONDS = 3.0

_held: Configuration | None = None
_read_at = 0.0
_watched_pid: int | None = None


def current_configuration() -> Configuration:
    """What this process runs with: no query, no Redis, in a process that watches.

    Before the first read it asks the database itself and raises what that raises: a gateway that was closed must not
    open because a process just started. Later an outage changes nothing: the last one that was known counts.
    """
    if _held is None:
        return refresh()
    if _watched_pid != os.getpid() and time.monotonic() - _read_at > UNWATCHED_SECONDS:
        return refresh()
    return _held


def refresh() -> Configuration:
    """Reads the newest version and holds it; one query."""
    configuration = read_newest()
    hold(configuration)
    return configuration


def read_newest() -> Configuration:
    """The newest version in the database; version 0 before the first one."""
    row = ConfigurationVersion.objects.order_by("-version").first()
    return Configuration(version=row.version, gateways=read_switches(row.gateways)) if row else Configuration()


def hold(configuration: Configuration) -> None:
    """Replaces what this process runs with."""
    global _held, _read_at  # the process's memory is what this module is
    _held, _read_at = configuration, time.monotonic()


def note_watcher() -> None:
    """This very process is told of changes; a fork of it isn't, until it watches too."""
    global _watched_pid
    _watched_pid = os.getpid()


def held_version() -> int | None:
    """Number of the version that this process runs with, None before the first read."""
    return _held.version if _held is not None else None


def forget() -> None:
    """As a process that has just started."""
    global _held, _watched_pid
    _held, _watched_pid = None, None
