"""POST /api/v1/orders/ with bodies and tokens that no client of ours sends: a clear 4xx, and nothing happened."""

import json

import jwt
import pytest
from django.conf import settings

from pgs_data.redis.connections import ledger
from pgs_web.trade.intake.tests.making import stream_of
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")

SIGNING_KEY = settings.SIMPLE_JWT["SIGNING_KEY"]
LARGEST = 65_536


@pytest.fixture
def sale():
    return make_sale(stock=9, member_limit=9)


@pytest.fixture
def send(api, shoppers, sale):
    """Sends bytes as an order; %activity and %address become the ids of a good order."""
    shopper = shoppers()[0]

    def post(raw, *, token=shopper.access, content_type="application/json"):
        body = raw.replace(b"%activity", str(sale.pk).encode()).replace(b"%address", str(shopper.address_id).encode())
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "key-1"}
        return api.generic("POST", "/api/v1/orders/", body, content_type=content_type, headers=headers)

    return post


GOOD = b'{"activity_id": "%activity", "address_id": "%address", "quantity": 1}'


def assert_nothing_happened(sale):
    assert read_stock(sale.pk).version == 1
    assert not ledger().keys("*claims*")
    assert not stream_of(sale)


def test_the_body_that_the_others_are_broken_from(send, sale):
    assert send(GOOD).status_code == 202
    assert read_stock(sale.pk).lock == 1


@pytest.mark.parametrize(
    "raw",
    [
        GOOD[:-1],
        b"[" + GOOD + b"]",
        b"null",
        b'"order"',
        GOOD.replace(b"1}", b'1, "quantity": 2}'),
        GOOD.replace(b"1}", b"NaN}"),
        GOOD.replace(b"1}", b"1e999}"),
        GOOD.replace(b"1}", b"9" * 5000 + b"}"),
        GOOD.replace(b"1}", "１}".encode()),
        GOOD.replace(b"%activity", rb"%activity\u0000"),
        GOOD.replace(b"%address", rb"\ud800%address"),
        GOOD.replace(b"1}", rb'1, "note\udc00": 1}'),
        GOOD.replace(b"1}", b'1, "note": "\xff"}'),
        GOOD.replace(b"1}", b'1, "note": ' + b"[" * 9000 + b"]" * 9000 + b"}"),
        GOOD.decode().encode("utf-16"),
    ],
    ids=range(15),
)
def test_bodies_that_are_none(send, sale, raw):
    response = send(raw)
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")
    assert_nothing_happened(sale)


@pytest.mark.parametrize("padding", [LARGEST, 2 * LARGEST])
def test_a_body_that_is_too_large(send, sale, padding):
    response = send(GOOD + b" " * padding)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert_nothing_happened(sale)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_a_body_of_another_kind(send, sale, kind):
    response = send(GOOD, content_type=kind)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert_nothing_happened(sale)


@pytest.mark.parametrize(
    ("key", "algorithm", "changes"),
    [
        (None, "none", {}),
        ("another shop's key, longer than 32 bytes", "HS256", {}),
        (SIGNING_KEY, "HS384", {}),
        (SIGNING_KEY, "HS256", {"exp": 1}),
        (SIGNING_KEY, "HS256", {"iss": "another shop"}),
        (SIGNING_KEY, "HS256", {"token_type": "refresh"}),
        (SIGNING_KEY, "HS256", {"member_id": "{p01}:stock"}),
        (SIGNING_KEY, "HS256", {"sid": "a\r\nSET x 1"}),
    ],
)
def test_tokens_that_are_not_ours(send, sale, key, algorithm, changes):
    """The rush reads tokens by itself (authentication.py), so it is asked what the members' room is asked."""
    claims = {"token_type": "access", "exp": 4_000_000_000, "iat": 1, "jti": "x", "iss": "pgs"}
    claims |= {"member_id": "1", "sid": "a" * 32, **changes}
    response = send(GOOD, token=jwt.encode(claims, key, algorithm=algorithm))
    assert (response.status_code, response.json()["code"]) == (401, "token_not_valid")
    assert response["WWW-Authenticate"] == 'Bearer realm="pgs"'
    assert_nothing_happened(sale)


@pytest.mark.parametrize("name", ["on_late_payment", "on_lost_seat"])
@pytest.mark.parametrize("wish", ['"Refund"', '"alone "', '""', "null", "1", "[]", '["refund"]'])
def test_wishes_that_are_none(send, sale, name, wish):
    response = send(GOOD.replace(b"1}", f'1, "{name}": {wish}}}'.encode()))
    (problem,) = json.loads(response.content)["errors"]
    assert (response.status_code, problem["field"]) == (400, name)
    assert_nothing_happened(sale)


@pytest.mark.parametrize(("language", "detail"), [("en", "Give a whole number"), ("zh-Hans", "请填写整数")])
def test_a_refusal_speaks_the_shoppers_language(api, send, sale, language, detail):
    api.defaults = {"HTTP_ACCEPT_LANGUAGE": language}
    (problem,) = json.loads(send(GOOD.replace(b"1}", b'"1"}')).content)["errors"]
    assert problem["field"] == "quantity"
    assert problem["detail"].startswith(detail)
