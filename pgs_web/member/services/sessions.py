"""Ends sessions: the database remembers for good, the cache Redis answers every request."""

from django.conf import settings
from django.utils import timezone

from pgs_data.redis.connections import cache
from pgs_web.member import keys
from pgs_web.member.ended_sessions import LONGEST_ACCESS_MS, unix_ms
from pgs_web.member.errors import AlreadyInState
from pgs_web.member.models import Member, SignedOutToken
from pgs_web.member.states import MOVES, MemberState

# Rows of sessions that are over anyway, removed by each sign-out: more than it adds, so that the table stays small.
SWEPT_ROWS = 20


def end_session(*, sid: str, member_id: int) -> None:
    """No token of the session is good any more, on any process, when this returns. Doing it twice changes nothing.

    Redis down raises what Redis raises, after the refresh token was ended: the caller may repeat it.
    """
    now = timezone.now()
    SignedOutToken.objects.get_or_create(
        sid=sid,
        defaults={"member_id": member_id, "expires_at": now + settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]},
    )
    # Death here: access tokens of the session live on for an hour at most, refreshing is over.
    _remember(keys.ended_session(sid))
    expired = list(SignedOutToken.objects.filter(expires_at__lt=now).values_list("sid", flat=True)[:SWEPT_ROWS])
    if expired:
        SignedOutToken.objects.filter(sid__in=expired).delete()


def block_member(*, member_id: int) -> None:
    """Ends every session of a member and lets none begin; raises AlreadyInState. Repeat it when Redis was down."""
    is_moved = _move(member_id, to=MemberState.BLOCKED, blocked_at=timezone.now())
    _remember(keys.blocked_member(member_id))
    if not is_moved:
        raise AlreadyInState


def unblock_member(*, member_id: int) -> None:
    """Lets a member sign in again; raises AlreadyInState. Repeat it when Redis was down."""
    is_moved = _move(member_id, to=MemberState.ACTIVE, blocked_at=None)
    # Only when the database says so: a repeated call for a member who was blocked meanwhile forgets nothing.
    if Member.objects.filter(id=member_id, state=MemberState.ACTIVE).exists():
        cache().zrem(keys.ENDED_SESSIONS, keys.blocked_member(member_id))
    if not is_moved:
        raise AlreadyInState


def _move(member_id: int, *, to: MemberState, **values: object) -> bool:
    allowed = [state.value for state, targets in MOVES.items() if to in targets]
    return Member.objects.filter(id=member_id, state__in=allowed).update(state=to.value, **values) == 1


def _remember(entry: str) -> None:
    now_ms = unix_ms(timezone.now())
    pipeline = cache().pipeline(transaction=True)
    pipeline.zadd(keys.ENDED_SESSIONS, {entry: now_ms + LONGEST_ACCESS_MS})
    pipeline.zremrangebyscore(keys.ENDED_SESSIONS, "-inf", now_ms)
    pipeline.execute()
