"""Who may enter: phone and code, or username and password; and how a session goes on."""

from dataclasses import dataclass

from django.contrib.auth.hashers import check_password, make_password

from pgs_web.api.throttling import take_turn
from pgs_web.member.errors import MemberBlocked, TokenNotValid, WrongCredentials
from pgs_web.member.models import Member, SignedOutToken
from pgs_web.member.phones import index_phone
from pgs_web.member.services.sms_codes import use_sign_in_code
from pgs_web.member.states import MemberState
from pgs_web.member.tokens import InvalidToken, TokenPair, issue_access_token, issue_tokens, read_refresh_token

# No password produces it; comparing with it costs as much as comparing with a real one.
NO_PASSWORD = "!"  # noqa: S105  # nosec B105


@dataclass(frozen=True, slots=True)
class SignedIn:
    member_id: int
    tokens: TokenPair
    is_new_member: bool


def sign_in_by_phone(*, phone: str, code: str, network: str) -> SignedIn:
    """Signs in with a code from `send_sign_in_code`; an unknown phone becomes a member.

    Raises TooManyRequests, WrongCode, MemberBlocked.
    """
    phone_index = index_phone(phone)
    _take_turns(network=network, subject=phone_index)
    use_sign_in_code(phone=phone, code=code)
    # The code is used up. Death here costs the shopper a new code, nothing else. Of two at once, the unique index
    # lets one create the member and the other find it.
    member, is_new = Member.objects.get_or_create(
        phone_index=phone_index, defaults={"phone": phone, "password": make_password(None)}
    )
    return _open_session(member, is_new=is_new)


def sign_in_by_password(*, username: str, password: str, network: str) -> SignedIn:
    """Signs in with a password; an unknown username costs the same time as a wrong password.

    Raises TooManyRequests, WrongCredentials, MemberBlocked.
    """
    name = username.lower()
    _take_turns(network=network, subject=f"username:{name}")
    member = Member.objects.filter(username=name).first()
    is_right = check_password(password, member.password if member else NO_PASSWORD)
    if member is None or not is_right:
        raise WrongCredentials
    return _open_session(member, is_new=False)


def refresh_session(*, refresh: str) -> str:
    """A new access token of the session; raises TooManyRequests, TokenNotValid, MemberBlocked."""
    try:
        claims = read_refresh_token(refresh)
    except InvalidToken as error:
        raise TokenNotValid from error
    take_turn("refresh_session", claims.sid)
    if SignedOutToken.objects.filter(sid=claims.sid).exists():
        raise TokenNotValid
    state = Member.objects.filter(id=claims.member_id).values_list("state", flat=True).first()
    if state is None:
        raise TokenNotValid
    if state != MemberState.ACTIVE:
        raise MemberBlocked
    return issue_access_token(member_id=claims.member_id, sid=claims.sid)


def _take_turns(*, network: str, subject: str) -> None:
    take_turn("sign_in_address", network)
    take_turn("sign_in_subject", subject)


def _open_session(member: Member, *, is_new: bool) -> SignedIn:
    if member.state != MemberState.ACTIVE:
        raise MemberBlocked
    return SignedIn(member_id=member.id, tokens=issue_tokens(member_id=member.id), is_new_member=is_new)
