"""The quick reader of access tokens says what the library says."""

import hmac
import json
import time
from base64 import urlsafe_b64encode

import jwt
import pytest
from django.conf import settings

from pgs_web.member import known_tokens
from pgs_web.member.authentication import read_bearer
from pgs_web.member.known_tokens import KnownTokens, TwoGenerations
from pgs_web.member.tokens import issue_access_token, issue_tokens

KEY = settings.SIMPLE_JWT["SIGNING_KEY"]
GOOD = {
    "token_type": "access",
    "exp": 4_000_000_000,
    "iat": 1,
    "jti": "x",
    "iss": "pgs",
    "member_id": "5",
    "sid": "a" * 32,
}


def header_of(claims, *, key=KEY, algorithm="HS256", headers=None):
    return f"Bearer {jwt.encode(claims, key, algorithm=algorithm, headers=headers)}".encode()


def says(header):
    claims = read_bearer(header.decode("latin-1"))
    assert KnownTokens().read(header) == claims
    return claims


def test_our_own_are_read_quickly():
    header = f"Bearer {issue_access_token(member_id=42)}".encode()
    claims = KnownTokens()._read_own(header)
    assert claims is not None
    assert claims == says(header)
    assert claims.member_id == 42


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": "soon"},
        {"exp": 4_000_000_000.5},
        {"iat": 3_000_000_000},
        {"nbf": 3_000_000_000},
        {"iss": "another shop"},
        {"aud": "another shop"},
        {"token_type": "refresh"},
        {"member_id": 5},
        {"member_id": "05"},
        {"sid": "short"},
        {"sid": "-" * 32},
        {"more": 1},
    ],
    ids=str,
)
def test_others_are_judged_by_the_library(changes):
    header = header_of({**GOOD, **changes})
    quick = KnownTokens()._read_own(header)
    claims = says(header)
    assert quick is None or quick == claims
    is_good = set(changes) <= {"more", "aud"} or changes == {"exp": 4_000_000_000.5}
    assert (claims is not None) == is_good


@pytest.mark.parametrize("left_out", sorted(GOOD))
def test_what_is_missing_is_missed(left_out):
    header = header_of({name: value for name, value in GOOD.items() if name != left_out})
    assert KnownTokens()._read_own(header) is None
    says(header)


@pytest.mark.parametrize(
    "header",
    [
        header_of(GOOD, key="another key, of more than 32 bytes"),
        header_of(GOOD, key=None, algorithm="none"),
        header_of(GOOD, headers={"kid": "1"}),
        header_of(GOOD)[:-1],
        header_of(GOOD) + b"A",
        header_of(GOOD).replace(b"Bearer ", b"bearer "),
        header_of(GOOD).replace(b"Bearer ", b"Basic "),
        b"Bearer ",
        b"Bearer ..",
        b"Bearer \xff",
        b"",
    ],
)
def test_odd_headers(header):
    says(header)


def test_a_refresh_token_is_none():
    assert says(f"Bearer {issue_tokens(member_id=1).refresh}".encode()) is None


def test_a_signed_payload_that_is_none():
    for payload in (b"x", json.dumps([1]).encode(), b"\xff"):
        signed = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + urlsafe_b64encode(payload).rstrip(b"=")
        signature = urlsafe_b64encode(hmac.digest(KEY.encode(), signed, "sha256")).rstrip(b"=")
        assert says(b"Bearer " + signed + b"." + signature) is None


def test_a_known_token_expires(monkeypatch):
    header = header_of({**GOOD, "exp": int(time.time()) + 60})
    tokens = KnownTokens()
    assert tokens.read(header)
    monkeypatch.setattr(known_tokens.time, "time", lambda: 4_100_000_000)
    assert tokens.read(header) is None


def test_no_more_than_two_generations_are_kept():
    kept: TwoGenerations[int] = TwoGenerations(3)
    for number in range(100):
        kept.put(str(number).encode(), number)
        # Used again and again, so never forgotten.
        assert kept.get(b"0") == 0
        assert len(kept._young) + len(kept._old) <= 6
    assert kept.get(b"50") is None
    assert kept.get(b"99") == 99
