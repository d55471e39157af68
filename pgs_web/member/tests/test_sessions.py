from datetime import timedelta

import jwt
import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from pgs_data.redis.connections import cache
from pgs_web.member import keys
from pgs_web.member.cache_break import cache_break
from pgs_web.member.errors import AlreadyInState
from pgs_web.member.models import SignedOutToken
from pgs_web.member.services import block_member, unblock_member
from pgs_web.member.services.sessions import end_session
from pgs_web.member.tokens import LONGEST_ACCESS, issue_access_token, issue_tokens, read_access_token

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def tokens(member):
    return issue_tokens(member_id=member.id)


def get_me(api, access):
    return api.get("/api/v1/members/me/", headers={"Authorization": f"Bearer {access}"}).status_code


def refresh_with(api, refresh):
    return api.post("/api/v1/auth/tokens/refresh/", {"refresh": refresh})


def sign_out(api, body=None, access=None):
    headers = {"Authorization": f"Bearer {access}"} if access else {}
    return api.post("/api/v1/auth/sign-out/", body or {}, headers=headers).status_code


def forge(key="another key of more than 32 bytes, 0123", algorithm="HS256", **changes):
    claims = {"token_type": "access", "exp": 2_000_000_000, "iat": 1, "jti": "x", "iss": "pgs"}
    claims |= {"member_id": "1", "sid": "a" * 32}
    claims.update(changes)
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm=algorithm)


def test_refreshing_gives_an_access_token_of_the_same_session(api, member, tokens):
    response = refresh_with(api, tokens.refresh)
    assert response.status_code == 200
    claims = read_access_token(response.json()["access"])
    assert (claims.member_id, claims.sid) == (member.id, read_access_token(tokens.access).sid)


def test_tokens_of_the_wrong_kind_are_refused(api, tokens):
    assert get_me(api, tokens.access) == 200
    assert get_me(api, tokens.refresh) == 401
    assert refresh_with(api, tokens.access).status_code == 401


SIGNING_KEY = django_settings.SIMPLE_JWT["SIGNING_KEY"]


@pytest.mark.parametrize(
    "token",
    [
        *("", "x", "a.b.c", "..", "é", "ａ.ｂ.ｃ", "x" * 5000),
        forge(),
        forge(key=None, algorithm="none"),
        forge(key=SIGNING_KEY, algorithm="HS384"),
        forge(key=SIGNING_KEY, exp=1),
        forge(key=SIGNING_KEY, exp=None),
        forge(key=SIGNING_KEY, exp=10**30),
        forge(key=SIGNING_KEY, iss="another shop"),
        forge(key=SIGNING_KEY, iss=None),
        forge(key=SIGNING_KEY, token_type="refresh"),
        forge(key=SIGNING_KEY, token_type=None),
        forge(key=SIGNING_KEY, jti=None),
        forge(key=SIGNING_KEY, member_id=None),
        forge(key=SIGNING_KEY, member_id=1),
        forge(key=SIGNING_KEY, member_id="1 OR 1=1"),
        forge(key=SIGNING_KEY, member_id="１"),
        forge(key=SIGNING_KEY, member_id=str(2**63)),
        forge(key=SIGNING_KEY, sid=None),
        forge(key=SIGNING_KEY, sid="{x}"),
        forge(key=SIGNING_KEY, sid=["a"] * 32),
    ],
    ids=range(26),
)
def test_broken_foreign_and_expired_tokens_are_401(api, member, token):
    response = api.get("/api/v1/members/me/", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["code"]) == (401, "token_not_valid")


@pytest.mark.parametrize(
    "token",
    [
        *("x", "a.b.c", "é", "x" * 2048),
        forge(token_type="refresh"),
        forge(key=None, algorithm="none", token_type="refresh"),
        forge(key=SIGNING_KEY, token_type="refresh", exp=1),
        forge(key=SIGNING_KEY, token_type="refresh", sid=None),
        forge(key=SIGNING_KEY, token_type="refresh", member_id="9" * 30),
    ],
    ids=range(9),
)
def test_broken_foreign_and_expired_refresh_tokens_are_401(api, member, token):
    response = refresh_with(api, token)
    assert (response.status_code, response.json()["code"]) == (401, "token_not_valid")
    assert sign_out(api, {"refresh": token}) == 401


def test_a_token_made_by_hand_with_our_key_is_good(api, member):
    """The control of the test above: each of its tokens differs from this one in what it names."""
    assert get_me(api, forge(key=SIGNING_KEY, member_id=str(member.id))) == 200
    assert refresh_with(api, forge(key=SIGNING_KEY, token_type="refresh", member_id=str(member.id))).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Token x", "bearer", "Bearer a b"])
def test_other_authorization_headers_are_401(api, member, header):
    assert api.get("/api/v1/members/me/", headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("lifetime", [None, timedelta(days=9)])
def test_no_access_token_outlives_the_memory_of_ended_sessions(monkeypatch, lifetime):
    """Whatever ACCESS_TOKEN_MINUTES says: a session that was ended is remembered for a day in Redis."""
    monkeypatch.setattr(AccessToken, "lifetime", timedelta(days=2))
    for token in (issue_access_token(member_id=1, lifetime=lifetime), issue_tokens(member_id=1).access):
        left = read_access_token(token).expires_at - timezone.now().timestamp()
        assert left <= LONGEST_ACCESS.total_seconds()


def test_without_a_token_401(api):
    response = api.get("/api/v1/members/me/")
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("by", ["refresh", "access", "both"])
def test_signing_out_ends_both_tokens(api, member, tokens, by):
    bystander = issue_tokens(member_id=member.id)
    body = {} if by == "access" else {"refresh": tokens.refresh}
    assert sign_out(api, body, access=None if by == "refresh" else tokens.access) == 204
    assert get_me(api, tokens.access) == 401
    assert refresh_with(api, tokens.refresh).status_code == 401
    assert get_me(api, bystander.access) == 200
    assert refresh_with(api, bystander.refresh).status_code == 200
    assert sign_out(api, {"refresh": tokens.refresh}) == 204


def test_signing_out_needs_a_token(api, tokens):
    assert sign_out(api) == 401
    assert sign_out(api, {"refresh": "x"}) == 401
    assert sign_out(api, {"refresh": tokens.access}) == 401
    assert sign_out(api, {"refresh": None}) == 400
    assert get_me(api, tokens.access) == 200


def test_an_expired_access_token_is_no_obstacle_when_the_refresh_token_is_given(api, member, tokens):
    """Clients send both, because they send the access token with every call."""
    expired = forge(key=SIGNING_KEY, member_id=str(member.id), exp=1)
    assert sign_out(api, access=expired) == 401
    assert sign_out(api, {"refresh": tokens.refresh}, access=expired) == 204
    assert get_me(api, tokens.access) == 401
    assert refresh_with(api, tokens.refresh).status_code == 401


def test_the_cache_may_lose_everything(api, member, tokens):
    assert sign_out(api, access=tokens.access) == 204
    cache().flushdb()
    assert get_me(api, tokens.access) == 401
    assert cache().zscore(keys.ENDED_SESSIONS, keys.COMPLETE)
    # From the rebuilt set now, without the database.
    SignedOutToken.objects.all().delete()
    assert get_me(api, tokens.access) == 401


def test_an_ended_session_is_found_by_one_redis_command(api, member, tokens, django_assert_num_queries):
    get_me(api, tokens.access)
    with django_assert_num_queries(1):
        assert get_me(api, tokens.access) == 200
    sign_out(api, access=tokens.access)
    with django_assert_num_queries(0):
        assert get_me(api, tokens.access) == 401


@pytest.mark.slow
def test_without_the_cache_the_database_knows(api, member, tokens, redis_server):
    bystander = issue_tokens(member_id=member.id)
    sign_out(api, access=tokens.access)
    redis_server.pause()
    assert get_me(api, tokens.access) == 401
    assert get_me(api, bystander.access) == 200


@pytest.mark.slow
def test_signing_out_without_the_cache_is_503_and_ends_refreshing(api, member, tokens, redis_server):
    redis_server.pause()
    assert sign_out(api, {"refresh": tokens.refresh}) == 503
    assert SignedOutToken.objects.count() == 1
    redis_server.resume()
    cache_break.end()
    assert sign_out(api, {"refresh": tokens.refresh}) == 204
    assert get_me(api, tokens.access) == 401


def test_blocking_ends_every_session_at_once(api, member, other, tokens):
    assert get_me(api, tokens.access) == 200
    block_member(member_id=member.id)
    assert get_me(api, tokens.access) == 401
    response = refresh_with(api, tokens.refresh)
    assert (response.status_code, response.json()["code"]) == (401, "member_blocked")
    cache().flushdb()
    assert get_me(api, tokens.access) == 401
    assert get_me(api, issue_access_token(member_id=other.id)) == 200
    with pytest.raises(AlreadyInState):
        block_member(member_id=member.id)

    unblock_member(member_id=member.id)
    assert get_me(api, tokens.access) == 200
    assert refresh_with(api, tokens.refresh).status_code == 200
    with pytest.raises(AlreadyInState):
        unblock_member(member_id=member.id)


def test_a_token_of_a_member_who_is_gone_is_401(api):
    assert get_me(api, issue_access_token(member_id=999)) == 401
    assert refresh_with(api, issue_tokens(member_id=999).refresh).status_code == 401


def test_signing_out_sweeps_old_rows(member):
    old = timezone.now() - timedelta(days=1)
    SignedOutToken.objects.bulk_create(
        [SignedOutToken(sid=f"{n:032x}", member_id=1, expires_at=old) for n in range(30)]
    )
    end_session(sid="b" * 32, member_id=member.id)
    assert SignedOutToken.objects.count() == 11
