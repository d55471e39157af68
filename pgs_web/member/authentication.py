"""Who is asking: the bearer token of the request."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from pgs_web.member.ended_sessions import is_session_ended
from pgs_web.member.tokens import InvalidToken, TokenClaims, read_access_token


@dataclass(frozen=True, slots=True)
class SignedInMember:
    """`request.user` of a shopper's request; known from the token alone."""

    id: int
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True

    @property
    def pk(self) -> int:
        return self.id


class MemberTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; 401 for anything that isn't one of ours, alive and not signed out."""

    def authenticate(self, request: Request) -> tuple[SignedInMember, TokenClaims] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        claims = read_bearer(header)
        if claims is None or is_session_ended(claims):
            raise AuthenticationFailed(
                _("The access token is broken or has expired. Refresh it or sign in again."), code="token_not_valid"
            )
        return SignedInMember(id=claims.member_id), claims

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="pgs"'


class OptionalTokenAuthentication(MemberTokenAuthentication):
    """For calls that another token in the body is enough for: a token that isn't good counts as none."""

    def authenticate(self, request: Request) -> tuple[SignedInMember, TokenClaims] | None:
        try:
            return super().authenticate(request)
        except AuthenticationFailed:
            return None


def member_of(request: Request) -> int:
    """The id of the member who asks; for views that only answer signed-in members."""
    member = request.user
    if not isinstance(member, SignedInMember):
        raise NotAuthenticated
    return member.id


def read_bearer(header: str) -> TokenClaims | None:
    """The claims of a valid `Bearer …` header, else None; no database, no Redis."""
    scheme, _separator, raw = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        return read_access_token(raw.strip())
    except InvalidToken:
        return None
