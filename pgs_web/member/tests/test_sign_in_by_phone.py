import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from rest_framework.test import APIClient

from pgs_data.redis.connections import cache
from pgs_web.member import keys
from pgs_web.member.models import Member, SandboxSms
from pgs_web.member.phones import index_phone
from pgs_web.member.services import block_member
from pgs_web.member.services.sms_codes import CODE_LIFETIME_SECONDS
from pgs_web.member.sms import registry
from pgs_web.member.sms.contract import ProviderFailed
from pgs_web.member.sms.sandbox import read_sandbox_code
from pgs_web.member.tokens import read_access_token, read_refresh_token

PHONE = "13800138000"
everywhere = pytest.mark.django_db(databases="__all__")


def ask_code(api, phone=PHONE):
    response = api.post("/api/v1/auth/sms-codes/", {"phone": phone})
    assert response.status_code == 202, response.content
    return read_sandbox_code(phone=PHONE)


def sign_in(api, code, phone=PHONE):
    return api.post("/api/v1/auth/tokens/", {"phone": phone, "code": code})


def wrong(code):
    return f"{(int(code) + 1) % 10**6:06d}"


@everywhere
def test_an_unknown_phone_becomes_a_member_and_the_next_time_it_is_known(api):
    first = sign_in(api, ask_code(api)).json()
    assert first["is_new_member"] is True
    member = Member.objects.get()
    assert (first["member_id"], member.phone, member.username) == (str(member.id), PHONE, None)
    access, refresh = read_access_token(first["access"]), read_refresh_token(first["refresh"])
    assert access.member_id == refresh.member_id == member.id
    assert access.sid == refresh.sid

    again = sign_in(api, ask_code(api)).json()
    assert (again["is_new_member"], again["member_id"]) == (False, first["member_id"])
    assert read_access_token(again["access"]).sid != access.sid


@everywhere
@pytest.mark.parametrize("phone", [PHONE, f"+86{PHONE}"])
def test_the_prefix_86_is_the_same_phone(api, phone):
    assert sign_in(api, ask_code(api, phone=phone), phone=PHONE).status_code == 200


@everywhere
@pytest.mark.parametrize(
    "phone",
    [
        *("", "1380013800", "138001380000", "12800138000", "１３８００１３８０００", "13800138000\n", " 13800138000"),
        *("1380013800٠", "13800138000\x00", "+8713800138000", "138-0013-8000", "13800138000{x}"),
        *(13800138000, None, True, [], {}, ["13800138000"], {"phone": "13800138000"}),
    ],
)
def test_other_phones_are_refused(api, phone):
    for path, body in (("sms-codes", {"phone": phone}), ("tokens", {"phone": phone, "code": "123456"})):
        response = api.post(f"/api/v1/auth/{path}/", body)
        assert response.status_code == 400
    assert not SandboxSms.objects.exists()


@everywhere
@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "１２３４５６", "12345\n", "abcdef", 123456, None, True, [], {}]
)
def test_other_codes_are_no_codes(api, code):
    ask_code(api)
    assert sign_in(api, code).status_code == 400
    assert cache().hget(keys.sign_in_code(index_phone(PHONE)), "tries_left") == b"5"


@everywhere
def test_a_code_is_good_once(api):
    code = ask_code(api)
    assert sign_in(api, code).status_code == 200
    response = sign_in(api, code)
    assert (response.status_code, response.json()["code"]) == (401, "wrong_code")


@everywhere
def test_the_fifth_wrong_try_ends_the_code(api):
    code = ask_code(api)
    for _ in range(4):
        assert sign_in(api, wrong(code)).status_code == 401
    assert sign_in(api, code).status_code == 200

    code = ask_code(api)
    for _ in range(5):
        assert sign_in(api, wrong(code)).status_code == 401
    assert sign_in(api, code).status_code == 401


@everywhere
def test_a_new_code_voids_the_old_one_and_another_phones_code_is_no_good(api):
    old = ask_code(api)
    new = ask_code(api)
    while new == old:
        new = ask_code(api)
    assert sign_in(api, new, phone="13900139000").status_code == 401
    assert sign_in(api, old).status_code == 401
    assert sign_in(api, new).status_code == 200


@everywhere
def test_a_code_ends_after_five_minutes_and_is_not_stored_readably(api):
    code = ask_code(api)
    key = keys.sign_in_code(index_phone(PHONE))
    assert CODE_LIFETIME_SECONDS * 1000 - 5000 < cache().pttl(key) <= CODE_LIFETIME_SECONDS * 1000 == 300_000
    digest: Any = cache().hget(key, "digest")
    assert code.encode() not in digest
    assert PHONE.encode() not in key.encode()
    # As if the five minutes were over: a time that has passed ends the key at once.
    cache().pexpireat(key, 1)
    assert sign_in(api, code).status_code == 401


@everywhere
def test_a_blocked_member_stays_outside(api):
    member_id = sign_in(api, ask_code(api)).json()["member_id"]
    block_member(member_id=int(member_id))
    response = sign_in(api, ask_code(api))
    assert (response.status_code, response.json()["code"]) == (401, "member_blocked")


@everywhere
def test_a_code_that_was_not_sent_is_no_good(api, monkeypatch):
    class Broken:
        def send_sign_in_code(self, *, phone, code):
            raise ProviderFailed("isv.BUSINESS_LIMIT_CONTROL")

    monkeypatch.setitem(registry.PROVIDERS, "sandbox", Broken)
    response = api.post("/api/v1/auth/sms-codes/", {"phone": PHONE})
    assert (response.status_code, response.json()["code"]) == (503, "sms_not_sent")
    assert int(response.headers["Retry-After"]) == 60
    assert not cache().exists(keys.sign_in_code(index_phone(PHONE)))


@everywhere
def test_phone_and_password_are_not_mixed(api):
    body = {"phone": PHONE, "code": "123456", "username": "ada", "password": "x"}
    assert api.post("/api/v1/auth/tokens/", body).status_code == 400
    assert api.post("/api/v1/auth/tokens/", {}).status_code == 400
    assert api.post("/api/v1/auth/tokens/", {"phone": PHONE}).status_code == 400
    assert api.post("/api/v1/auth/tokens/", {"username": "ada"}).status_code == 400


@pytest.mark.django_db(databases="__all__", transaction=True)
class TestManyAtOnce:
    def run(self, count, act):
        start = threading.Barrier(count)

        def one(number):
            try:
                start.wait()
                return act(APIClient(), number)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))

    def test_one_code_signs_one_in(self, api):
        code = ask_code(api)
        answers = self.run(10, lambda client, _number: sign_in(client, code).status_code)
        assert sorted(answers) == [200] + [401] * 9
        assert Member.objects.count() == 1

    def test_five_tries_are_five_tries(self, api):
        """20 wrong codes at once, then the right one: with a read-then-write counter some tries would be lost."""
        code = ask_code(api)
        self.run(20, lambda client, number: sign_in(client, f"{(int(code) + number + 1) % 10**6:06d}").status_code)
        assert sign_in(api, code).status_code == 401
        assert not cache().exists(keys.sign_in_code(index_phone(PHONE)))
