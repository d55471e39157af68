import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from rest_framework.test import APIClient

from pgs_web.member.models import SandboxSms
from pgs_web.member.tokens import issue_tokens

pytestmark = pytest.mark.django_db(databases="__all__")
PHONE = "13800138000"


def narrow(settings, **rates):
    settings.RATES = {**settings.RATES, **rates}


def check_refusal(response):
    assert (response.status_code, response.json()["code"]) == (429, "too_many_requests")
    assert int(response.headers["Retry-After"]) >= 1


def ask_code(api, phone=PHONE, address="10.0.0.1"):
    return api.post("/api/v1/auth/sms-codes/", {"phone": phone}, REMOTE_ADDR=address)


def sign_in(api, body, address="10.0.0.1"):
    return api.post("/api/v1/auth/tokens/", body, REMOTE_ADDR=address)


def test_a_phone_gets_a_code_a_minute(api, settings):
    narrow(settings, sms_code_phone_soon="1/60")
    assert ask_code(api).status_code == 202
    check_refusal(ask_code(api, address="10.0.0.2"))
    check_refusal(ask_code(api, phone=f"+86{PHONE}", address="10.0.0.3"))
    assert ask_code(api, phone="13900139000").status_code == 202
    assert SandboxSms.objects.count() == 2


def test_a_phone_gets_so_many_codes_a_day(api, settings):
    narrow(settings, sms_code_phone="2/86400")
    assert [ask_code(api).status_code for _ in range(2)] == [202, 202]
    check_refusal(ask_code(api))


def test_an_address_asks_for_so_many_codes(api, settings):
    narrow(settings, sms_code_address="2/3600")
    assert [ask_code(api, phone=f"1380013800{n}").status_code for n in range(3)] == [202, 202, 429]
    assert ask_code(api, phone="13800138009", address="10.0.0.2").status_code == 202


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("unix:", "", True),
    ],
)
def test_a_household_is_one_address(api, settings, first, second, is_one):
    narrow(settings, sms_code_address="1/3600")
    assert ask_code(api, address=first).status_code == 202
    assert ask_code(api, phone="13900139000", address=second).status_code == (429 if is_one else 202)


@pytest.mark.parametrize(
    "body", [{"username": "ada", "password": "wrong"}, {"phone": PHONE, "code": "123456"}], ids=["password", "code"]
)
def test_guessing_is_slowed_down_whoever_guesses(api, settings, member, body):
    narrow(settings, sign_in_subject="3/300")
    statuses = [sign_in(api, body, address=f"10.0.0.{n}").status_code for n in range(4)]
    assert statuses == [401, 401, 401, 429]
    check_refusal(sign_in(api, body))
    other_body = {"username": "bob", "password": "x"}
    assert sign_in(api, other_body).status_code == 401


def test_upper_case_is_no_second_chance(api, settings, member):
    narrow(settings, sign_in_subject="1/300")
    statuses = [sign_in(api, {"username": name, "password": "wrong"}).status_code for name in ("ada", "ADA", "Ada ")]
    assert statuses == [401, 429, 429]


def test_an_address_signs_in_so_often(api, settings, member):
    narrow(settings, sign_in_address="2/300")
    statuses = [sign_in(api, {"username": f"user{n}", "password": "x"}).status_code for n in range(3)]
    assert statuses == [401, 401, 429]
    assert sign_in(api, {"username": "ada", "password": "a long password"}, address="10.9.9.9").status_code == 200


def test_a_session_refreshes_so_often(api, settings, member):
    narrow(settings, refresh_session="2/300")
    refresh = issue_tokens(member_id=member.id).refresh
    statuses = [api.post("/api/v1/auth/tokens/refresh/", {"refresh": refresh}).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_forwarded_for_is_nothing_here(api, settings):
    """The web server replaces REMOTE_ADDR when it trusts the proxy; a header from outside changes nothing."""
    narrow(settings, sms_code_address="1/3600")
    for number, status in enumerate([202, 429]):
        response = api.post(
            "/api/v1/auth/sms-codes/", {"phone": f"1380013800{number}"}, headers={"X-Forwarded-For": f"10.0.0.{number}"}
        )
        assert response.status_code == status


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_a_crowd_of_guesses_at_once_gets_no_guess_more(settings, member):
    narrow(settings, sign_in_subject="5/300")
    start = threading.Barrier(12)

    def guess(_number):
        try:
            start.wait()
            return sign_in(APIClient(), {"username": "ada", "password": "wrong"}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as pool:
        statuses = sorted(pool.map(guess, range(12)))
    assert statuses == [401] * 5 + [429] * 7
