"""Which sessions have ended though their access tokens look alive: signed out, or their member was blocked."""

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.utils import timezone

from pgs_data.redis.connections import RedisUnavailable, cache
from pgs_web.member import keys
from pgs_web.member.cache_break import cache_break
from pgs_web.member.models import Member, SignedOutToken
from pgs_web.member.states import MemberState
from pgs_web.member.tokens import LONGEST_ACCESS, TokenClaims

LONGEST_ACCESS_MS = int(LONGEST_ACCESS / timedelta(milliseconds=1))
# The score of COMPLETE: above every time, so that no clean-up removes it.
NEVER_MS = 2**52
CHUNK = 5000

logger = structlog.get_logger(__name__)


def unix_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def is_session_ended(claims: TokenClaims) -> bool:
    """Exact, by one Redis command; by the database while the cache Redis is down. For one request, not for a rush."""
    if not cache_break.is_on():
        try:
            return _ask_cache(claims)
        except RedisUnavailable as error:
            cache_break.begin()
            logger.warning("ended_sessions_from_database", error=type(error).__name__)
    return _ask_database(claims)


def _ask_cache(claims: TokenClaims) -> bool:
    entries = [keys.ended_session(claims.sid), keys.blocked_member(claims.member_id)]
    signed_out, blocked, complete = cache().zmscore(keys.ENDED_SESSIONS, [*entries, keys.COMPLETE])
    if signed_out is not None or blocked is not None:
        return True
    if complete is not None:
        return False
    rebuild_ended_sessions()
    return _ask_database(claims)


def find_ended_sessions(asked: Collection[TokenClaims]) -> dict[TokenClaims, bool]:
    """For each whether its session has ended, by the database, in two queries."""
    sids = set(SignedOutToken.objects.filter(sid__in={one.sid for one in asked}).values_list("sid", flat=True))
    members = set(
        Member.objects.filter(id__in={one.member_id for one in asked}, state=MemberState.BLOCKED.value).values_list(
            "id", flat=True
        )
    )
    return {one: one.sid in sids or one.member_id in members for one in asked}


def _ask_database(claims: TokenClaims) -> bool:
    return (
        SignedOutToken.objects.filter(sid=claims.sid).exists()
        or Member.objects.filter(id=claims.member_id, state=MemberState.BLOCKED.value).exists()
    )


def rebuild_ended_sessions() -> None:
    """Puts into the cache what the database knows of the last day, after the cache lost it; safe to do at once."""
    # Who ends a session writes the database first and the cache second: what this read misses is added by them.
    since = timezone.now() - LONGEST_ACCESS
    until_ms = unix_ms(timezone.now()) + LONGEST_ACCESS_MS
    sids = SignedOutToken.objects.filter(signed_out_at__gte=since).values_list("sid", flat=True)
    members = Member.objects.filter(blocked_at__gte=since, state=MemberState.BLOCKED.value).values_list("id", flat=True)
    entries: dict[str, float] = {}
    for sid in sids.iterator(chunk_size=CHUNK):
        entries[keys.ended_session(sid)] = until_ms
        if len(entries) >= CHUNK:
            cache().zadd(keys.ENDED_SESSIONS, entries)
            entries = {}
    for member_id in members.iterator(chunk_size=CHUNK):
        entries[keys.blocked_member(member_id)] = until_ms
        if len(entries) >= CHUNK:
            cache().zadd(keys.ENDED_SESSIONS, entries)
            entries = {}
    # Last: who finds COMPLETE finds the rest too.
    cache().zadd(keys.ENDED_SESSIONS, {**entries, keys.COMPLETE: NEVER_MS})


class EndedSessionsMirror:
    """A process's own copy for the rush: no Redis call a request.

    Whoever owns it calls `refresh` from a thread about once a second, so that it is a second late at most, and up to a
    minute for unblocking.
    """

    reread_seconds = 60.0
    # Two processes' clocks may differ by this much: entries this old are read again.
    overlap_ms = 10_000

    def __init__(self) -> None:
        self._entries: frozenset[bytes] = frozenset()
        self._read_up_to_ms = 0
        self._refreshed_at = float("-inf")
        self._reread_at = float("-inf")

    def has_ended(self, claims: TokenClaims) -> bool:
        """As known at the last refresh."""
        entries = self._entries
        return bool(entries) and (
            keys.ended_session(claims.sid).encode() in entries
            or keys.blocked_member(claims.member_id).encode() in entries
        )

    @property
    def age_seconds(self) -> float:
        """Seconds since the last refresh that succeeded."""
        return time.monotonic() - self._refreshed_at

    def refresh(self) -> None:
        """Reads what is new; raises RedisUnavailable. Where nothing could be read everything known stays known."""
        now = time.monotonic()
        is_reread = now - self._reread_at >= self.reread_seconds
        if not self._read(is_reread=is_reread):
            is_reread = True
            rebuild_ended_sessions()
            if not self._read(is_reread=True):
                logger.warning("ended_sessions_lost_again")
                return
        self._refreshed_at = now
        if is_reread:
            self._reread_at = now

    def _read(self, *, is_reread: bool) -> bool:
        """Whether the cache has all; else nothing of what it said is believed."""
        known: set[bytes] = set() if is_reread else set(self._entries)
        # An entry's score is the moment it was made plus a constant: new ones have the highest scores.
        lowest = 0 if is_reread else self._read_up_to_ms - self.overlap_ms
        offset = 0
        highest = self._read_up_to_ms
        while True:
            pipeline = cache().pipeline(transaction=False)
            pipeline.zrangebyscore(keys.ENDED_SESSIONS, lowest, NEVER_MS - 1, start=offset, num=CHUNK, withscores=True)
            # Behind the page: a cache that started empty meanwhile has no error, and nobody in it.
            pipeline.zscore(keys.ENDED_SESSIONS, keys.COMPLETE)
            page: Any
            page, complete = pipeline.execute()
            if complete is None:
                return False
            known.update(entry for entry, _score in page)
            if page:
                highest = max(highest, int(page[-1][1]))
            if len(page) < CHUNK:
                break
            offset += CHUNK
        if known != self._entries:
            self._entries = frozenset(known)
        self._read_up_to_ms = highest
        return True
