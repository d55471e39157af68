"""Which games drain, as this process knows it: at most MEMORY_SECONDS old, so that a start costs no query."""

import os
import time
from collections.abc import Mapping
from types import MappingProxyType

import structlog

from pgs_web.api.errors import OUTAGES
from pgs_web.plays.errors import PlayDraining
from pgs_web.plays.models import PlaySwitch

# A game that begins to drain takes new rounds for at most so long; one query of a handful of rows a process costs it.
MEMORY_SECONDS = 1.0

log = structlog.get_logger(__name__)

_held: tuple[int, float, Mapping[str, PlaySwitch]] | None = None


def require_open(code: str) -> None:
    """Raises PlayDraining when the game takes nothing new; an outage before the process has read anything."""
    if is_draining(code):
        raise PlayDraining


def is_draining(code: str) -> bool:
    """Whether the game takes nothing new, from memory."""
    switch = _known().get(code)
    return switch is not None and switch.is_draining


def read_switches() -> Mapping[str, PlaySwitch]:
    """The switches as they are in the database now, and the process's memory from now on."""
    global _held  # the process's memory is what this module is
    rows = MappingProxyType({switch.code: switch for switch in PlaySwitch.objects.all()[:1_000]})
    _held = (os.getpid(), time.monotonic(), rows)
    return rows


def forget_switches() -> None:
    """As a process that has just started."""
    global _held
    _held = None


def _known() -> Mapping[str, PlaySwitch]:
    held = _held
    if held is None or held[0] != os.getpid():
        return read_switches()
    if time.monotonic() - held[1] <= MEMORY_SECONDS:
        return held[2]
    try:
        return read_switches()
    except OUTAGES as error:
        # What was known last counts: a game must neither stop nor reopen because `default` is away.
        log.warning("play_switches_unread", error=type(error).__name__)
        return held[2]
