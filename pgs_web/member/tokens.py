"""Signed tokens: an access token for requests, a refresh token to get the next one; `sid` is the session of both."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from pgs_web.api.ids import read_id

# What create_members gives to load tests; no access token lives longer.
LONGEST_ACCESS = timedelta(days=1)
# Ours have about 350 characters. Longer ones are refused unread: a JSON header nests as deep as its length allows.
LONGEST_TOKEN = 1024


class InvalidToken(Exception):
    """Broken, expired, of another kind, or signed by somebody else."""


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a valid token says; `expires_at` in unix seconds."""

    member_id: int
    sid: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class TokenPair:
    access: str
    refresh: str


def issue_tokens(*, member_id: int) -> TokenPair:
    """A new session: both tokens carry its id."""
    sid = uuid.uuid4().hex
    return TokenPair(
        access=issue_access_token(member_id=member_id, sid=sid),
        refresh=_sign(RefreshToken(), member_id=member_id, sid=sid),
    )


def issue_access_token(*, member_id: int, sid: str | None = None, lifetime: timedelta | None = None) -> str:
    """An access token of the session `sid` (None: a session of its own without a refresh token)."""
    token = AccessToken()
    # Also when the settings allow for more: ended sessions are remembered for so long only.
    token.set_exp(lifetime=min(lifetime or token.lifetime, LONGEST_ACCESS))
    return _sign(token, member_id=member_id, sid=sid or uuid.uuid4().hex)


def read_access_token(raw: str) -> TokenClaims:
    """Checks signature, kind and age without any database or Redis; raises InvalidToken."""
    return _read(AccessToken, raw)


def read_refresh_token(raw: str) -> TokenClaims:
    """Checks signature, kind and age; raises InvalidToken."""
    return _read(RefreshToken, raw)


def _sign(token: Token, *, member_id: int, sid: str) -> str:
    token["member_id"] = str(member_id)
    token["sid"] = sid
    return str(token)


def _read(kind: type[Token], raw: str) -> TokenClaims:
    if len(raw) > LONGEST_TOKEN or not raw.isascii():
        raise InvalidToken
    try:
        payload: dict[str, Any] = kind(raw).payload  # type: ignore[arg-type]
        member_id, sid, expires_at = read_id(payload["member_id"]), payload["sid"], int(payload["exp"])
    except (TokenError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidToken from error
    if member_id is None or not isinstance(sid, str) or len(sid) != 32 or not sid.isalnum():
        raise InvalidToken
    return TokenClaims(member_id=member_id, sid=sid, expires_at=expires_at)
