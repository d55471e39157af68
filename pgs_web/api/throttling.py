"""How often something may be done: exact under concurrency, counted in the cache Redis by its own clock."""

import hashlib
from dataclasses import dataclass
from typing import Self

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from pgs_data.lua.loader import Script
from pgs_data.redis.connections import cache
from pgs_web.api.errors import TooManyRequests

_take_turn = Script.load("pgs_web.api", "take_turn")


@dataclass(frozen=True, slots=True)
class Rate:
    """`turns` in any `seconds`: all at once if nothing was taken before, earned back evenly."""

    turns: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """A rate written as `5/3600` (5 in 3,600 seconds); raises ImproperlyConfigured."""
        turns, separator, seconds = text.partition("/")
        if not (separator and turns.isdecimal() and seconds.isdecimal() and int(turns) > 0 and int(seconds) > 0):
            raise ImproperlyConfigured(f"{text!r} is no rate: write turns/seconds, for example 5/3600")
        return cls(turns=int(turns), seconds=int(seconds))


def take_turn(name: str, subject: str, *, rate: Rate | None = None) -> None:
    """Takes a turn of `subject` (a phone, an address…); raises TooManyRequests with the seconds to wait.

    Without `rate`, `settings.RATES[name]` applies. Redis down raises what Redis raises: who can't count, refuses.
    """
    rate = rate or Rate.parse(settings.RATES[name])
    # The subject may be hostile or a phone number: neither belongs into a key.
    digest = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    wait_ms = int(
        _take_turn(
            cache(),
            keys={"turns": f"rate:{name}:{digest}"},
            args={"interval": rate.seconds * 1_000_000 // rate.turns, "burst": rate.turns},
        )
    )
    if wait_ms:
        raise TooManyRequests(retry_after=-(-wait_ms // 1000))
