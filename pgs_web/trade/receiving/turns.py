"""How many orders a member may ask for: each leaves a claim in the ledger for days, whatever becomes of it.

A shopper who presses the button again and again never meets it; a program does. Each receiving process counts for
itself, so a member has at most so many turns times the processes; counting together would cost a call an order.
"""

import math
import time

from pgs_web.api.errors import TooManyRequests

# Of each of two generations; a rush of more members forgets the longest silent ones, who then start with a full burst.
MEMBERS_KEPT = 100_000


class MemberTurns:
    """A member's turns come back one by one, `a_second`, up to `burst` of them; one a process and event loop."""

    def __init__(self, *, a_second: float, burst: int) -> None:
        """0 a second: no limit."""
        self._seconds_a_turn = 1 / a_second if a_second else 0.0
        self._burst_seconds = burst * self._seconds_a_turn
        # Member → the moment at which all turns are back (the generic cell rate algorithm, ITU-T I.371).
        self._young: dict[int, float] = {}
        self._old: dict[int, float] = {}

    def take(self, member_id: int) -> None:
        """Takes a turn; raises TooManyRequests with the seconds to wait, and takes none then."""
        if not self._seconds_a_turn:
            return
        now = time.monotonic()
        full_at = self._young.get(member_id) or self._old.get(member_id) or now
        full_at = max(full_at, now) + self._seconds_a_turn
        if full_at - now > self._burst_seconds:
            raise TooManyRequests(retry_after=math.ceil(full_at - now - self._burst_seconds))
        if len(self._young) >= MEMBERS_KEPT:
            self._old, self._young = self._young, {}
        self._young[member_id] = full_at
