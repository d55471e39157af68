"""Sign-in of who places an order, in two steps, so that a ledger that hangs is asked once and not twice."""

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from pgs_web.member.authentication import MemberTokenAuthentication, SignedInMember, read_bearer
from pgs_web.member.ended_sessions import is_session_ended
from pgs_web.member.tokens import TokenClaims


class RushTokenAuthentication(MemberTokenAuthentication):
    """Signature and age of the token, without Redis; the view has to call refuse_ended_session before it acts."""

    def authenticate(self, request: Request) -> tuple[SignedInMember, TokenClaims] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        claims = read_bearer(header)
        if claims is None:
            raise _refusal()
        return SignedInMember(id=claims.member_id), claims


def refuse_ended_session(claims: TokenClaims) -> None:
    """Raises AuthenticationFailed for a session that was signed out or whose member was blocked; one Redis command."""
    if is_session_ended(claims):
        raise _refusal()


def _refusal() -> AuthenticationFailed:
    return AuthenticationFailed(
        _("The access token is broken or has expired. Refresh it or sign in again."), code="token_not_valid"
    )
