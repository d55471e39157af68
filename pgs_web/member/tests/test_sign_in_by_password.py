import pytest
from django.contrib.auth import hashers
from django.contrib.auth.hashers import MD5PasswordHasher

from pgs_web.member.errors import UsernameTaken, UsernameUnusable
from pgs_web.member.models import Member
from pgs_web.member.services import block_member, register_member
from pgs_web.member.tokens import read_access_token

pytestmark = pytest.mark.django_db(databases="__all__")
PASSWORD = "a long password"


def sign_in(api, username, password):
    return api.post("/api/v1/auth/tokens/", {"username": username, "password": password})


def test_the_right_password_signs_in(api, member):
    for name in ("ada", "Ada", " ada "):
        response = sign_in(api, name, PASSWORD)
        assert response.status_code == 200
        body = response.json()
        assert (body["member_id"], body["is_new_member"]) == (str(member.id), False)
        assert read_access_token(body["access"]).member_id == member.id
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("username", "password"),
    [("ada", "wrong"), ("ada", PASSWORD + " "), ("ada", " " + PASSWORD), ("nobody", PASSWORD), ("ada' OR 1=1 --", "x"),
     ("ａｄａ", PASSWORD), ("ad%", PASSWORD)],
)  # fmt: skip
def test_anything_else_does_not_and_says_the_same(api, member, username, password):
    response = sign_in(api, username, password)
    assert (response.status_code, response.json()["code"]) == (401, "wrong_credentials")
    assert response.headers["WWW-Authenticate"]
    assert "errors" in response.json()


@pytest.mark.parametrize("value", ["", None, True, 1, [], {}, "x" * 129, "a\x00"])
def test_malformed_credentials(api, member, value):
    assert sign_in(api, "ada", value).status_code == 400
    assert sign_in(api, value, PASSWORD).status_code == 400


def test_a_member_without_a_password_cannot_sign_in_by_one(api):
    Member.objects.create(username="ada", password=hashers.make_password(None))
    Member.objects.create(username="eve", password="")
    for name in ("ada", "eve"):
        for password in ("!", "None", "x"):
            assert sign_in(api, name, password).status_code == 401


def test_a_blocked_member_learns_it_only_with_the_password(api, member):
    block_member(member_id=member.id)
    assert sign_in(api, "ada", "wrong").json()["code"] == "wrong_credentials"
    assert sign_in(api, "ada", PASSWORD).json()["code"] == "member_blocked"


def test_an_unknown_username_costs_as_much_hashing_as_a_wrong_password(api, member, monkeypatch):
    hashed = []
    encode = MD5PasswordHasher.encode

    def counting(self, password, salt):
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    counts = []
    for username in ("ada", "nobody"):
        hashed.clear()
        assert sign_in(api, username, "wrong").status_code == 401
        counts.append(len(hashed))
    assert counts[0] == counts[1] >= 1


@pytest.mark.slow
def test_argon2_is_what_hashes_outside_of_tests(api, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    member = register_member(username="ada", password=PASSWORD)
    assert Member.objects.get(pk=member.pk).password.startswith("argon2$argon2id$")
    assert sign_in(api, "ada", PASSWORD).status_code == 200


def test_usernames(member):
    with pytest.raises(UsernameTaken):
        register_member(username="ADA", password="x")
    assert register_member(username="ada", password="x", is_repeatable=True).id == member.id
    for name in ("ab", "1ada", "ａｄａ", "a da", "ada\n", "x" * 65, ""):
        with pytest.raises(UsernameUnusable):
            register_member(username=name, password="x")
